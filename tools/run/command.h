// SPDX-License-Identifier: MIT
//
// Starting the command: in leakshim-run's own process group, with its descriptors, directory, signal mask and
// dispositions, as a shell's exec would.
#pragma once

#include <string>
#include <vector>

#include "signals.h"

namespace leakshim::tools {

struct CommandStart {
    std::vector<char*> arguments;    ///< null-terminated
    std::vector<char*> environment;  ///< null-terminated
    const char* path;                ///< what is executed: found in $PATH already
    SignalState signals;
    int cgroup = -1;  ///< where the command enters a cgroup (Cgroup::entrance()), -1: it stays in ours
};

/// The command's pid; or the negated errno of what failed, exec included.
pid_t start_command(CommandStart& start);

/// Where standard input, output or error is closed, /dev/null takes its place in this process, and is closed
/// again for the command: what we open must not pass for one of them. False when standard error was closed.
bool fill_standard_descriptors();

/// Closes what belongs to the command alone by now: standard input and output, which become /dev/null, and
/// all others but standard error and those of `keep`. Who waits for the end of a pipe or for a lock waits for
/// the command then, not for us.
void let_go_of_descriptors(std::vector<int> keep);

}  // namespace leakshim::tools
