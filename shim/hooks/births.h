// SPDX-License-Identifier: MIT
//
// Children, as their parent writes them down: from their birth until it has waited for them. None of these
// functions touches errno; all are async-signal-safe.
//
// A child that is forked has its record from its parent, which writes an intent before the fork and makes it
// a live one after it: the parent has everything at hand, while the child would have to fetch each page anew
// that it reads or writes. The child only says its number there, for the case that its parent is killed
// before it has the answer, and takes the record over when it does the first thing that is to be recorded
// (enter_forked_child()). One that does nothing and exits leaves it at that.
#pragma once

#include "record.h"

namespace leakshim::hooks {

/// A process is about to be started (or, by ~0U, was not after all): it is waited for until it registers.
void count_birth(u32 by);

/// A child started by vfork or posix_spawn, seen from its parent. It is known from here on, registered or
/// not.
void note_child(int pid);

/// The same for a child whose birth is counted already. Only when recording().
void know_child(int pid);

/// `pid` was waited for and has ended with `status`.
void note_waited(int pid, int status);

/// A command that libc runs in a shell of its own, where no hook sees the fork: the shell is told what it
/// belongs to, and its record ended when it was waited for. Where nothing is recorded it does nothing.
class Shell {
  public:
    /// Before the call. `command` may be null, for none, or lead nowhere.
    explicit Shell(const char* command);
    /// One that was begun before, by its key.
    explicit Shell(u64 key) : key_(key) {}

    /// It was waited for, and ended with `status` (-1: not known). True when it had come to have a record.
    bool over(int status);
    u64 key() const { return key_; }  ///< 0 for none

  private:
    u64 key_ = 0;
};

/// A fork, in its parent: begun before the call, which counts a birth. Where nothing is recorded it does
/// nothing.
///
///     ForkedChild child;
///     pid_t pid = REAL(fork)();
///     if (pid == 0) child.begin();
///     else child.born(pid);
class ForkedChild {
  public:
    /// `registers_itself`: the caller may not come back from the call that forks, which goes on in libc and
    /// ends the process there (daemon(3)) or may be cancelled (forkpty(3)).
    explicit ForkedChild(bool registers_itself = false);
    ForkedChild(const ForkedChild&) = delete;
    ForkedChild& operator=(const ForkedChild&) = delete;

    /// In the child.
    void begin();
    /// In the parent: the call answered `pid`, which is negative where there is no child.
    void born(int pid);

  private:
    void take_back();

    Handle parent_ = 0;  ///< the caller's record, 0 where nothing is recorded
    Handle scope_ = 0;
    Handle child_ = 0;    ///< the intent; 0 where the child is to register itself
    u32 generation_ = 0;  ///< of that
    u32 early_ = 0;       ///< how many had been waited for of which nothing was known
    u64 begun_ = 0;       ///< boottime before the call
};

}  // namespace leakshim::hooks
