// SPDX-License-Identifier: MIT
//
// The command line of leakshim-run: its own options, and behind them the command's, which are none of its
// business.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "command_line.h"
#include "types.h"

namespace leakshim::tools {

/// Exit statuses of leakshim-run itself, as env(1), nohup(1) and timeout(1) have them. Any other is the
/// command's.
inline constexpr int kOwnFailure = 125;
inline constexpr int kCannotExecute = 126;
inline constexpr int kNotFound = 127;
inline constexpr int kTimedOut = 124;

inline constexpr Tool kTool = {"leakshim-run", kOwnFailure, kOwnFailure};

struct RunArguments {
    std::vector<std::string> command;  ///< program and arguments; empty with print_preload
    std::string library;               ///< --library, empty: found beside the tool
    std::string session;               ///< --session NAME
    bool print_preload = false;
    bool private_tmp = false;
    bool cgroup = false;
    u64 timeout = 0;  ///< ns, 0: none
    // Settings that go before those of the environment.
    bool report = false, reap = false, fail = false, ci = false;
    std::vector<std::string> options;  ///< -o key=value, each
    std::string rules;
};

/// Reads the command line. Nothing is returned when there is nothing to run: --help and --version were
/// printed, or one sentence said what was wrong; `status` is what to exit with then.
std::optional<RunArguments> read_run_arguments(int argc, char** argv, int& status);

}  // namespace leakshim::tools
