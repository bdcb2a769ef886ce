// SPDX-License-Identifier: MIT
//
// One process and its threads as the kernel shows them at this moment (proc(5)): what each does, and which
// system call it waits in.
//
// Guarantees: looks and never touches; nothing here waits, whatever state the process is in. What is gone or
// may not be read is an ordinary answer. Every text is as the process chose it: whoever prints it makes it
// safe (encoding.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "types.h"

namespace leakshim::tools {

/// A thread. Of one that runs, or that may not be looked at (ptrace(2), access modes), `call` is -1.
struct Task {
    int tid = 0;
    char state = '?';
    std::string name;
    bool call_known = false;  ///< false: the kernel does not let us see what it waits in
    long call = -1;           ///< number of the system call
    u64 arguments[6] = {};
    std::string channel;  ///< the kernel's function that it sleeps in; empty when that is hidden
};

/// The threads of a process, its first one first; empty when it is gone.
std::vector<Task> tasks_of(int pid);

/// What a process is, as it says itself.
struct ProcessLook {
    int pid = 0;
    int ppid = 0;
    char state = '?';
    bool dead = false;  ///< a zombie that nobody has waited for
    u64 start = 0;      ///< ns since boot
    std::string name;   ///< comm
    std::vector<std::string> command;
};

/// Nothing when there is no such process. The command line of one in an uninterruptible wait is not asked
/// for: the kernel may make us wait as well.
std::optional<ProcessLook> look_at(int pid);

/// `pid` of every process that can be seen.
std::vector<int> all_processes();

/// Children that live, or have not been waited for, in the order of their start.
std::vector<ProcessLook> children_of(int pid);

/// The program's file; empty when it can't be read.
std::string program_of(int pid);

/// True when system calls of the process have the numbers of this program's: the same machine and word size.
bool is_native(int pid);

/// Copies memory of another process; false when not all of it can be had.
bool read_memory(int pid, u64 address, void* to, size_t size);

/// A small file below /proc, whole up to `limit` bytes; empty when it can't be read.
std::string read_small(const std::string& path, size_t limit = 64 * 1024);

/// The target of a link; empty when it can't be read.
std::string link_target(const std::string& path);

/// The name of a system call of this machine, `system call 440` for one that is not in our table.
std::string call_name(long number);

}  // namespace leakshim::tools
