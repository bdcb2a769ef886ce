// SPDX-License-Identifier: MIT
//
// The command line of leakshim-reap.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "command_line.h"

namespace leakshim::tools {

enum ExitStatus : int { kDone = 0, kUsage = 2, kUnreadable = 3, kNotReaped = 4 };

inline constexpr Tool kTool = {"leakshim-reap", kUsage, kUnreadable};

struct Arguments {
    std::string session;    ///< id, beginning of one, or name; empty: all dead ones
    std::string scope;      ///< of a live session; empty: all of it
    std::string user;       ///< name or number; empty: who runs this
    std::string directory;  ///< LEAKSHIM_DIR as it is set, or empty
    bool all_users = false;
    bool keep_trees = false;
    bool force = false;  ///< also where the session ran under LEAKSHIM=report
    bool dry_run = false;
    bool json = false;
    bool quiet = false;
};

/// Reads the command line and LEAKSHIM_DIR. No arguments, but a status to exit with, when everything was said
/// already (--help, --version, a mistake).
std::optional<Arguments> read_arguments(int argc, char** argv, int& status);

}  // namespace leakshim::tools
