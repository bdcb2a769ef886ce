// SPDX-License-Identifier: MIT
#include "arguments.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "options.h"
#include "sessions.h"

namespace leakshim::tools {

namespace {

constexpr const char* kFooter =
    "Exits as the command does, by the same signal too; 24 instead of 0 with --fail and a\n"
    "leak, 124 after a timeout, 125 when leakshim-run itself fails, 126 when the command\n"
    "can't be executed, 127 when there is none. See leakshim-run(1) and leakshim(7).";

/// Why `text` is no key=value of LEAKSHIM_OPTIONS; empty when it is one.
std::string objection_to_option(const std::string& text) {
    Options options;
    OptionTexts texts;
    texts.options = text;
    Text<1024> complaints;
    parse_options(texts, options, complaints);
    if (text.find('=') == std::string::npos) return "it has no value: expected key=value";
    if (text.find(':') != std::string::npos) return "it has a colon; give each setting an -o of its own";
    std::string_view why = complaints.str();
    if (why.empty()) return "";
    // Behind it stands what is in force instead, and here nothing is run.
    return fmt::format("{} (leakshim-run -o help=1 true lists the keys)", why.substr(0, why.rfind("; ")));
}

/// Why the file can't be read; empty when it can. With a file that can't, the run would reap nothing.
std::string objection_to_rules(const std::string& path) {
    struct stat st {};
    int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int error = fd < 0 || fstat(fd, &st) != 0 ? errno : S_ISDIR(st.st_mode) ? EISDIR : 0;
    if (fd >= 0) close(fd);
    return error == 0 ? "" : strerror(error);
}

/// What is wrong with arguments that could be parsed; empty when nothing is.
std::string objection(const RunArguments& arguments) {
    for (const std::string& option : arguments.options) {
        std::string why = objection_to_option(option);
        if (!why.empty()) return fmt::format("-o {}: {}", option, why);
    }
    std::string unread = arguments.rules.empty() ? "" : objection_to_rules(arguments.rules);
    if (!unread.empty()) return fmt::format("--rules {} can't be read: {}", arguments.rules, unread);
    if (arguments.report && arguments.reap) return "only one of --report and --reap can be given";
    if (!arguments.session.empty()) {
        absl::Status named = check_session_name(arguments.session);
        if (!named.ok()) return std::string(named.message());
        if (arguments.private_tmp)
            return "--private-tmp ends with its command, and a named session does not: give only one of them";
        if (arguments.cgroup)
            return "--cgroup ends with its command, and a named session does not: give only one of them";
        if (arguments.fail)
            return "--fail judges the end of a session, and that of a named one comes with leakshim-reap: "
                   "leave it out here";
    }
    if (arguments.command.empty() && !arguments.print_preload) return "there is no command to run";
    if (!arguments.command.empty() && arguments.print_preload) return "--print-preload runs no command";
    return "";
}

/// The command is no option that CLI11 knows of.
class Help : public CLI::Formatter {
  public:
    Help() { column_width(24); }
    std::string make_usage(const CLI::App*, std::string) const override {
        return "Usage: leakshim-run [options] [--] command [argument...]\n";
    }
};

/// With the prefix behaviour an unknown option would pass for the command.
bool take_command(std::vector<std::string> rest, RunArguments& to) {
    bool marked = !rest.empty() && rest.front() == "--";
    if (marked) rest.erase(rest.begin());
    bool unknown = !marked && !rest.empty() && rest.front().size() > 1 && rest.front().front() == '-';
    to.command = std::move(rest);
    return !unknown;
}

void declare(CLI::App& app, RunArguments& to, std::string& timeout) {
    app.add_flag("--report", to.report, "Record and report, touch nothing");
    app.add_flag("--reap", to.reap, "Also reap at the end (the default)");
    app.add_flag("--fail", to.fail, "Exit with 24 instead of 0 when something leaked");
    app.add_flag("--ci", to.ci, "Reap temporary trees too, as where CI is set");
    app.add_option("-o", to.options, "A key of LEAKSHIM_OPTIONS; -o help=1 lists them")
        ->option_text("KEY=VALUE")
        ->allow_extra_args(false);
    app.add_option("--rules", to.rules, "What to keep and to ignore, instead of $LEAKSHIM_RULES")
        ->option_text("FILE");
    app.add_option("--timeout", timeout, "End the command after so long (10s, 5m), politely, then not")
        ->option_text("DURATION");
    app.add_flag("--private-tmp", to.private_tmp, "A TMPDIR of its own, removed as a whole");
    app.add_flag("--cgroup", to.cgroup, "A cgroup of its own, whose kill ends what outruns all else");
    app.add_option("--session", to.session,
                   "Run in the session of this name, which goes on until\nleakshim-reap --session NAME")
        ->option_text("NAME");
    app.add_option("--library", to.library, "This libleakshim.so instead of the one that came with the tool")
        ->option_text("PATH");
    app.add_flag("--print-preload", to.print_preload, "Print the library's path, for LD_PRELOAD");
}

}  // namespace

std::optional<RunArguments> read_run_arguments(int argc, char** argv, int& status) {
    RunArguments arguments;
    std::string timeout;
    CLI::App app("Runs a command under leakshim, and reaps what it leaves behind.", "leakshim-run");
    app.formatter(std::make_shared<Help>());
    app.footer(kFooter);
    app.prefix_command();
    add_version(app, kTool);
    declare(app, arguments, timeout);
    if (!parse(app, kTool, argc, argv, status)) return std::nullopt;
    if (!take_command(app.remaining(), arguments))
        return mistake(kTool, "unknown option " + arguments.command.front(), status);
    if (app.count("--timeout") != 0 &&
        (!parse_duration(timeout, arguments.timeout) || arguments.timeout == 0))
        return mistake(
            kTool,
            "--timeout " + timeout + " is no duration: expected a number with its unit, such as 30s or 5m",
            status);
    std::string why = objection(arguments);
    if (!why.empty()) return mistake(kTool, why, status);
    return arguments;
}

}  // namespace leakshim::tools
