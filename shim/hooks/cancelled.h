// SPDX-License-Identifier: MIT
//
// What the ledger says after a call that a thread was cancelled in (pthreads(7), cancellation points):
// close(2), fclose(3), open(2), mkstemp(3), system(3) and forkpty(3) may have done all or nothing by then,
// and don't come back to say so. The same goes for a call that a signal handler jumps or throws an exception
// out of.
#pragma once

#include "births.h"
#include "record.h"
#include "unwound.h"

// Whoever has one of these as a local variable says LEAKSHIM_LEFT_BY_EXCEPTIONS first.

namespace leakshim::hooks {

/// Can the calling thread be cancelled? A process of one thread can only do that to itself, and ends with it.
inline bool may_be_cancelled() {
    return thread_state.thread != 0 || process_state.threads.load(std::memory_order_relaxed) != 0;
}

/// A descriptor that is being closed by a call that may be cancelled. Its record stays until the call is
/// back, and for good where the descriptor turns out to be open still. Only when recording(). A local
/// variable.
class Closing {
  public:
    explicit Closing(int fd);
    ~Closing();
    Closing(const Closing&) = delete;
    Closing& operator=(const Closing&) = delete;

  private:
    static void cancelled(void* self);

    int fd_;
    Handle handle_;
    u32 word_;  ///< Record::state, generation included, as it was found
    WhenUnwound when_cancelled_;
};

/// Stands beside a Making whose call may be cancelled. `named_by_us`: nobody else can have made a file of
/// that name. A local variable.
class MakingCancelled {
  public:
    MakingCancelled(Making& making, bool named_by_us)
        : making_(making),
          named_by_us_(named_by_us),
          when_cancelled_(may_be_cancelled() ? cancelled : nullptr, this) {}

  private:
    static void cancelled(void* self);

    Making& making_;
    bool named_by_us_;
    WhenUnwound when_cancelled_;
};

/// Stands in a call that starts a process somewhere in libc, whose birth is counted already: takes that back
/// where no child is to come. Where it can't be told the birth stays, and the session's end waits a moment
/// for nobody. A local variable.
class BirthCancelled {
  public:
    explicit BirthCancelled(Shell& shell) : BirthCancelled(shell_cancelled) { shell_ = &shell; }
    BirthCancelled(const BirthCancelled&) = delete;
    BirthCancelled& operator=(const BirthCancelled&) = delete;

  protected:
    explicit BirthCancelled(void (*when_cancelled)(void* self));
    /// Is this still who began the call, and no child that was forked meanwhile?
    bool in_parent() const;

  private:
    static void shell_cancelled(void* self);

    Shell* shell_ = nullptr;
    int pid_;  ///< 0: the birth is not counted
    WhenUnwound when_cancelled_;
};

/// The same for forkpty(3). `made` is the variable that it fills in when its fork is done; the host has its
/// descriptor in `given` then, cancelled or not.
class ForkptyCancelled : BirthCancelled {
  public:
    ForkptyCancelled(const int& made, int* given) : BirthCancelled(cancelled), made_(made), given_(given) {}

  private:
    static void cancelled(void* self);

    const int& made_;
    int* given_;
};

}  // namespace leakshim::hooks
