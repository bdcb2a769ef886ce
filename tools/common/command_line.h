// SPDX-License-Identifier: MIT
//
// What the tools do alike with their command lines: --help and --version, the sentence about a mistake, and
// the end of main. Each tool has its own options and texts.
#pragma once

#include <absl/status/status.h>

#include <functional>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace leakshim::tools {

/// A tool as its user knows it.
struct Tool {
    const char* name;
    int misuse;   ///< exit status where its command line makes no sense
    int failure;  ///< exit status where it fails itself
};

/// One sentence on standard error, behind the tool's name; the second takes that of a failure.
void complain(const Tool& tool, const std::string& sentence);
void complain(const Tool& tool, const absl::Status& failure);

/// Says what is wrong with the command line, and in `status` what to exit with.
std::nullopt_t mistake(const Tool& tool, const std::string& what, int& status);

/// Adds --version, which says those of the tool and of the ledger layout.
void add_version(CLI::App& app, const Tool& tool);

/// Takes in the command line. False when everything was said then (--help, --version, a mistake, which an
/// empty value of any option is), and `status` is what to exit with.
bool parse(CLI::App& app, const Tool& tool, int argc, char** argv, int& status);

/// Calls `body`, which says the exit status; an exception of it is a sentence and the tool's failure.
int run_tool(const Tool& tool, const std::function<int()>& body);

}  // namespace leakshim::tools
