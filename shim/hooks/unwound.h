// SPDX-License-Identifier: MIT
//
// What is to be done when a frame of ours is left without a return: a thread is cancelled, or ends by
// pthread_exit or thrd_exit, somewhere below it; a signal handler jumps or throws an exception out of it. No
// destructor runs then, since the hooks know no exceptions. For all but the last libc keeps a list of what it
// calls on the way (pthread_cleanup_push(3), in the form that every libc still has for programs built without
// unwinding). An exception knows nothing of that list: an entry that stays in it when its frame is gone would
// be called in the end, whatever lies there by then. So the functions that are left in that way have a
// personality, which whoever unwinds them calls; it takes the entry back.
#pragma once

#include "types.h"

namespace leakshim::hooks {

/// Is the calling thread to be cancelled? Then it is, here and not in the call of glibc's that comes next,
/// which would do nothing else (pthread_testcancel(3)). Nothing where another libc may think otherwise of
/// that call, or prepare() was not called.
void be_cancelled_before_glibc();

/// Stands first in every function that has a WhenUnwound of Ways::all among its local variables: one, and
/// whatever calls the function makes, it makes them while that stands. (0x1b: 32 bits, relative to where they
/// lie.)
#define LEAKSHIM_LEFT_BY_EXCEPTIONS __asm__ volatile(".cfi_personality 0x1b, leakshim_frame_left")

enum class Ways : u8 {
    all,
    but_exceptions,
};

/// Calls `what(argument)` when the frame that it stands in is unwound; its own end takes that back. Must be a
/// local variable. Does nothing where libc has no such list, prepare() was not called, or `what` is null.
class WhenUnwound {
  public:
    WhenUnwound(void (*what)(void*), void* argument, Ways ways = Ways::all);
    ~WhenUnwound();
    WhenUnwound(const WhenUnwound&) = delete;
    WhenUnwound& operator=(const WhenUnwound&) = delete;

    /// Finds libc's functions. Not in a new thread: whoever started it may wait for it with the dynamic
    /// linker's lock held.
    static void prepare();

    /// An exception leaves a function that has said LEAKSHIM_LEFT_BY_EXCEPTIONS. Its entry is the thread's
    /// innermost one.
    static void left_by_exception();

  private:
    static void run(void* self);

    void (*what_)(void*);
    void* argument_;
    WhenUnwound* outer_ = nullptr;
    bool listed_ = false;
    Ways ways_;
    void* entry_[8];  ///< libc's: four words in glibc, three in musl
};

}  // namespace leakshim::hooks
