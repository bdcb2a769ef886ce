// SPDX-License-Identifier: MIT
//
// What is to be done when a frame of ours is left without a return: a thread is cancelled, or ends by
// pthread_exit or thrd_exit, somewhere below it. No destructor runs then, since the hooks know no exceptions;
// libc keeps a list of what it calls on the way instead (pthread_cleanup_push(3), in the form that every libc
// still has for programs built without unwinding).
#pragma once

#include "types.h"

namespace leakshim::hooks {

/// Calls `what(argument)` when the frame that it stands in is unwound; its own end takes that back. Must be a
/// local variable. Does nothing where libc has no such list, prepare() was not called, or `what` is null.
class WhenUnwound {
  public:
    WhenUnwound(void (*what)(void*), void* argument);
    ~WhenUnwound();
    WhenUnwound(const WhenUnwound&) = delete;
    WhenUnwound& operator=(const WhenUnwound&) = delete;

    /// Finds libc's functions. Not in a new thread: whoever started it may wait for it with the dynamic
    /// linker's lock held.
    static void prepare();

  private:
    bool listed_ = false;
    void* entry_[8];  ///< libc's: four words in glibc, three in musl
};

}  // namespace leakshim::hooks
