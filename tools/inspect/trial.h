// SPDX-License-Identifier: MIT
//
// Runs a small program for what it says, and asks ld.so whether it would load the library.
//
// Guarantees: whatever is started is ended and waited for; nothing waits longer than ten seconds.
#pragma once

#include <string>
#include <vector>

namespace leakshim::tools {

struct Trial {
    bool ended_well = false;  ///< with status 0
    std::string output;       ///< both streams, cut
};

/// Runs `path` with these arguments (the first is its name) and this environment, to its end.
Trial try_program(const std::string& path, std::vector<std::string> arguments,
                  std::vector<std::string> variables);

/// What is said when `/bin/true` is started with the library preloaded; empty when nothing is. The shim
/// itself does nothing then: LEAKSHIM=off.
std::string complaint_when_preloaded(const std::string& library);

/// Asks `loader` what it would load into `program`, without running that (`ld.so --list`, which musl's has
/// too). Empty when `library` is among it.
std::string complaint_of_loader(const std::string& loader, const std::string& program,
                                const std::string& library);

}  // namespace leakshim::tools
