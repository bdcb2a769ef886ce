// SPDX-License-Identifier: MIT
//
// The signals of leakshim-run: all blocked from its first instruction on, and read from a descriptor; the
// command gets mask and dispositions as leakshim-run got them.
#pragma once

#include <signal.h>

namespace leakshim::tools {

/// What leakshim-run was started with.
struct SignalState {
    sigset_t mask;
    bool child_ignored;  ///< SIGCHLD was ignored, which would let the command's status vanish
};

/// Blocks every signal that can be blocked, and takes SIGCHLD as it is by default. Nothing else changes: what
/// is ignored stays ignored.
SignalState take_over_signals();

/// Undoes take_over_signals() in a child that is about to execute the command. Async-signal-safe.
void hand_back_signals(const SignalState& state);

/// A descriptor that all blocked signals can be read from (signalfd(2)), or -1 with errno.
int open_signals();

/// Ends this process by `signal` as if it had never been blocked or ignored, and without a core file: the
/// command has left one already. Comes back only when the signal does not end a process.
void end_by_signal(int signal);

/// Stops this process by `signal`, one of those that stop; comes back when it is continued. In a process
/// group that nobody could continue, the kernel does not stop it, and this comes back at once.
void stop_by_signal(int signal);

}  // namespace leakshim::tools
