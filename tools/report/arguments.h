// SPDX-License-Identifier: MIT
//
// The command line of leakshim-report, and what the environment says about how to print.
#pragma once

#include <optional>
#include <string>

#include "formats.h"

namespace leakshim::tools {

enum ExitStatus : int { kClean = 0, kLeaks = 1, kUsage = 2, kUnreadable = 3 };

struct Arguments {
    const Format* format = nullptr;
    bool list = false;
    bool live = false;
    std::string session;  ///< an id or its beginning; empty: the newest
    std::string ledger;   ///< path of a ledger file; empty: look for sessions
    Style style;
};

/// Reads the command line, environment and terminal. No arguments, but a status to exit with, when everything
/// was said already (--help, --version, a mistake).
std::optional<Arguments> read_arguments(int argc, char** argv, int& status);

}  // namespace leakshim::tools
