// SPDX-License-Identifier: MIT
//
// The command line of leakshim-report, and what the environment says about how to print.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "baseline.h"
#include "command_line.h"
#include "formats.h"
#include "inquiry.h"

namespace leakshim::tools {

enum ExitStatus : int { kClean = 0, kLeaks = 1, kUsage = 2, kUnreadable = 3 };

inline constexpr Tool kTool = {"leakshim-report", kUsage, kUnreadable};

struct Arguments {
    const Format* format = nullptr;
    bool list = false;
    bool live = false;
    std::string session;             ///< an id or its beginning; empty: the newest
    std::vector<std::string> files;  ///< ledgers and saved reports; none: look for sessions
    std::string output;              ///< file to write to; empty: standard output
    std::string baseline;            ///< file of what is known; empty for none
    BaselineUpdate update = BaselineUpdate::none;
    bool gen_rules = false;
    Style style;
    Inquiry inquiry;  ///< a question that is no report
    bool json = false;
};

/// Reads the command line, environment and terminal. No arguments, but a status to exit with, when everything
/// was said already (--help, --version, a mistake).
std::optional<Arguments> read_arguments(int argc, char** argv, int& status);

}  // namespace leakshim::tools
