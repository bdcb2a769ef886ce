// SPDX-License-Identifier: MIT
#include "command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "encoding.h"
#include "layout.h"

namespace leakshim::tools {

namespace {

/// The name of an option that was given an empty value; empty when there is none. Such a one comes from an
/// unset variable of a script, and to take it for an option that is not there would widen what is done to
/// everything.
std::string emptily_given(const CLI::App& app) {
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_positional() || option->get_items_expected_min() == 0) continue;
        for (const std::string& value : option->results()) {
            if (value.empty()) return option->get_name();
        }
    }
    return "";
}

}  // namespace

void complain(const Tool& tool, const std::string& sentence) {
    fmt::print(stderr, "{}: {}\n", tool.name, sentence);
}

void complain(const Tool& tool, const absl::Status& failure) {
    complain(tool, std::string(failure.message()));
}

std::nullopt_t mistake(const Tool& tool, const std::string& what, int& status) {
    complain(tool, terminal_safe(what, true) + "; --help lists the options");
    status = tool.misuse;
    return std::nullopt;
}

void add_version(CLI::App& app, const Tool& tool) {
    app.set_version_flag(
        "--version",
        fmt::format("{} {} (ledger layout version {})", tool.name, LEAKSHIM_VERSION, ledger::kLayoutVersion),
        "Print versions of tool and ledger layout");
}

bool parse(CLI::App& app, const Tool& tool, int argc, char** argv, int& status) {
    try {
        app.parse(argc, argv);
        std::string name = emptily_given(app);
        if (name.empty()) return true;
        mistake(tool, name + " was given an empty value", status);
    } catch (const CLI::Success& success) {
        status = app.exit(success);
    } catch (const CLI::ArgumentMismatch& error) {
        // `--port: 1 required INT missing`
        std::string_view what = error.what();
        bool missing = what.ends_with(" missing");
        mistake(tool,
                missing ? fmt::format("{} needs a value", what.substr(0, what.find(':'))) : error.what(),
                status);
    } catch (const CLI::ParseError& error) {
        mistake(tool, error.what(), status);
    }
    return false;
}

int run_tool(const Tool& tool, const std::function<int()>& body) {
    try {
        return body();
    } catch (const std::exception& error) {
        complain(tool, terminal_safe(error.what(), true));
        return tool.failure;
    }
}

}  // namespace leakshim::tools
