// SPDX-License-Identifier: MIT
//
// leakshim-run: runs a command as the root of a session of its own, or in one that several commands share,
// and ends as the command ended. What goes wrong with itself is one sentence on standard error and status
// 125.
#include <fmt/format.h>

#include <cstdio>

#include "arguments.h"
#include "library.h"
#include "run.h"
#include "tool_note.h"

namespace leakshim::tools {

namespace {

int print_preload(const RunArguments& arguments) {
    auto library = find_library(arguments.library);
    if (!library.ok()) {
        complain(kTool, library.status());
        return kOwnFailure;
    }
    fmt::print("{}\n", *library);
    if (std::fflush(stdout) == 0) return 0;
    complain(kTool, "the path could not be written out");
    return kOwnFailure;
}

}  // namespace

}  // namespace leakshim::tools

int main(int argc, char** argv) {
    using namespace leakshim::tools;
    return run_tool(kTool, [&] {
        int status = 0;
        std::optional<RunArguments> arguments = read_run_arguments(argc, argv, status);
        if (!arguments) return status;
        if (arguments->print_preload) return print_preload(*arguments);
        return Run(*arguments, argv).run();
    });
}
