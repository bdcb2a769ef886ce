// SPDX-License-Identifier: MIT
//
// What a thread waits for, as far as its system call and the memory that this points to tell.
#pragma once

#include <string>
#include <vector>

#include "task.h"

namespace leakshim::tools {

enum class WaitKind {
    none,         ///< it runs
    unknown,      ///< the kernel does not let us see
    stopped,      ///< by a signal (SIGSTOP, Ctrl-Z)
    traced,       ///< by a debugger
    ended,        ///< the thread is over
    disk,         ///< for a device or file system; no signal wakes it
    child,        ///< for a child to end
    vfork,        ///< for a child to execute a program
    thread,       ///< for a thread to end (pthread_join)
    lock,         ///< for a lock that a thread holds
    wakeup,       ///< on a futex that nobody in particular holds: condition, semaphore, lock
    descriptors,  ///< for what comes through descriptors, or goes into them
    file_lock,    ///< for a lock on a file
    signal,       ///< for a signal
    time,         ///< for time to pass
    other,        ///< in some other system call
};

/// As the JSON has it.
std::string_view wait_kind_name(WaitKind kind);

/// A descriptor that is waited on, and for what.
struct WaitedDescriptor {
    int fd = -1;
    bool to_read = false;
    bool to_write = false;
};

struct Wait {
    WaitKind kind = WaitKind::unknown;
    std::string call;  ///< name of the system call; empty when it is not known
    int thread = 0;    ///< of `thread` and `lock`: whose tid; 0 when that is not known
    int child = 0;     ///< of `child`: the one that is waited for; 0: any
    bool timed = false;
    std::vector<WaitedDescriptor> descriptors;
    std::string path;  ///< of an open(2) that waits: what is opened
};

/// `tasks` are all of the process `pid`, `task` one of them. `native` as is_native() says.
Wait wait_of(int pid, const Task& task, const std::vector<Task>& tasks, bool native);

}  // namespace leakshim::tools
