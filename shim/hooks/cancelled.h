// SPDX-License-Identifier: MIT
//
// What the ledger says after a call that a thread was cancelled in (pthreads(7), cancellation points):
// close(2), fclose(3), open(2) and mkstemp(3) may have done all or nothing by then, and don't come back to
// say so.
#pragma once

#include "record.h"
#include "unwound.h"

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
          when_cancelled_(making.wanted() && may_be_cancelled() ? cancelled : nullptr, this) {}

  private:
    static void cancelled(void* self);

    Making& making_;
    bool named_by_us_;
    WhenUnwound when_cancelled_;
};

}  // namespace leakshim::hooks
