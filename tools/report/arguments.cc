// SPDX-License-Identifier: MIT
#include "arguments.h"

#include <fmt/format.h>
#include <langinfo.h>
#include <locale.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>

#include "encoding.h"

namespace leakshim::tools {

namespace {

constexpr int kNarrowest = 20;

/// By hand, since it shall fit a screen of 80 columns and 24 lines; a test holds it to that, and to naming
/// every option.
constexpr const char* kHelp = R"(Usage: leakshim-report [OPTION...] [FILE...]
Shows what a run under leakshim left behind, and what was done about it.
Without FILE the session that ended last is shown. FILE is a ledger, wherever it
lies, or a saved JSON report; several of these are shown as one.

  --session ID      show the session whose id begins so, or that has this name
  --live, --watch   show, or keep watching, the newest session that still runs
  --list            list the sessions, newest first
  --baseline FILE, --update-baseline[=grow]   fail on what is new; write FILE
  --gen-rules       print rules (LEAKSHIM_RULES) for what was found
  --why-hanging [PID]              what a process that does not end waits for
  --port N, --path PATH, --pid N   whose is it?
  --preflight, --doctor [-- CMD]   what is left and short; does leakshim work
  --require-observed [--since T]   exit 4 when no run was seen since then
  --format NAME     {}
  --json, --output FILE   as --format json; write it there, whole or not at all
  --all, --no-redact      every record, whole; secrets in command lines too
  --color WHEN      always, never or auto, which heeds NO_COLOR and FORCE_COLOR
  --help, --version

Exit status: 0 clean, 1 leaks, 2 usage or no such session, 3 unreadable file.
Sessions are looked for in $LEAKSHIM_DIR, else in /dev/shm/leakshim-<uid>.
See leakshim-report(1) and leakshim(7).
)";

bool is_set(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
}

/// NO_COLOR wins over FORCE_COLOR, and both over what the terminal is; an explicit --color wins over all.
bool wants_colour(const std::string& when, bool terminal) {
    if (when != "auto") return when == "always";
    if (is_set("NO_COLOR")) return false;
    if (is_set("FORCE_COLOR")) return std::getenv("FORCE_COLOR") != std::string_view("0");
    const char* term = std::getenv("TERM");
    return terminal && (term == nullptr || term != std::string_view("dumb"));
}

/// Columns and lines of the terminal; COLUMNS wins, so that a width can be asked for where there is no
/// terminal.
void read_size(Style& style, bool terminal) {
    struct winsize size {};
    if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        style.width = size.ws_col;
        style.height = size.ws_row;
    }
    if (const char* columns = std::getenv("COLUMNS")) {
        int wanted = std::atoi(columns);
        if (wanted > 0) style.width = wanted;
    }
    if (style.width > 0) style.width = std::max(style.width, kNarrowest);
}

/// Into a file or a pipe goes UTF-8: logs are, whatever locale a CI job happens to run in.
bool shows_unicode(bool terminal) {
    setlocale(LC_ALL, "");
    bool utf8 = nl_langinfo(CODESET) == std::string_view("UTF-8");
    // For the width of characters, which the C locale does not know.
    setlocale(LC_CTYPE, "C.UTF-8");
    return utf8 || !terminal;
}

std::string help_text() {
    std::string names;
    for (const std::string& line : wrapped(format_names(false), 60))
        names += (names.empty() ? "" : "\n                    ") + line;
    return fmt::format(fmt::runtime(kHelp), names);
}

/// What is wrong with the options about what is known; empty when nothing is.
std::string objection_to(const Arguments& arguments, const std::string& update, bool with_format) {
    bool about_known = !arguments.baseline.empty() || arguments.gen_rules;
    if (!update.empty() && arguments.update == BaselineUpdate::none)
        return "--update-baseline=" + update +
               ": there are only --update-baseline and --update-baseline=grow";
    if (!update.empty() && arguments.baseline.empty()) return "--update-baseline needs --baseline FILE";
    if (about_known && (arguments.list || arguments.inquiry.any()))
        return "--baseline and --gen-rules are for reports";
    return arguments.gen_rules && with_format ? "--gen-rules has no other format" : "";
}

/// What is wrong with an option that a question has no use for; empty when nothing is.
std::string objection_to_idle(const Arguments& arguments, const std::string& format) {
    const Inquiry& inquiry = arguments.inquiry;
    if (arguments.json && !format.empty() && format != "json")
        return "--json and --format " + format + " are two formats; give one of them";
    if (inquiry.require_observed && !arguments.files.empty())
        return "--require-observed asks for the sessions of this machine, not for files";
    if (!inquiry.any()) return "";
    if (!arguments.output.empty()) return "--output is for reports and --list";
    if (!arguments.session.empty() && !inquiry.why_hanging && !inquiry.watch)
        return "--session is for reports, --why-hanging and --watch";
    if (inquiry.watch)
        return arguments.json || (!format.empty() && format != "text" && format != "jsonl")
                   ? "--watch can be had as text and jsonl"
                   : "";
    return !format.empty() && format != "text" && format != "json"
               ? "the answer to a question can be had as text and json"
               : "";
}

}  // namespace

std::optional<Arguments> read_arguments(int argc, char** argv, int& status) {
    Arguments arguments;
    std::string format, update, colour = "auto";
    bool no_redact = false;
    bool& json = arguments.json;
    CLI::App app;
    app.formatter_fn([](const CLI::App*, std::string, CLI::AppFormatMode) { return help_text(); });
    add_version(app, kTool);
    app.add_flag("--list", arguments.list);
    app.add_option("--session", arguments.session);
    app.add_flag("--live", arguments.live);
    app.add_option("file", arguments.files);
    app.add_flag("--json", json);
    app.add_option("--format", format);
    app.add_option("--output", arguments.output);
    app.add_flag("--all", arguments.style.all);
    app.add_option("--baseline", arguments.baseline);
    app.add_flag("--update-baseline{shrink}", update);
    app.add_flag("--gen-rules", arguments.gen_rules);
    app.add_flag("--no-redact", no_redact);
    app.add_option("--color", colour)->check(CLI::IsMember({"auto", "always", "never"}));
    add_inquiry_options(app, arguments.inquiry);
    if (!parse(app, kTool, argc, argv, status)) return std::nullopt;
    if (arguments.list + arguments.live + !arguments.session.empty() + !arguments.files.empty() > 1) {
        return mistake(kTool, "only one of --list, --live, --session and files can be given", status);
    }
    if (arguments.inquiry.doctor)
        arguments.inquiry.command = std::move(arguments.files), arguments.files.clear();
    std::string objection = objection_to(arguments.inquiry, arguments.list + !arguments.files.empty());
    if (!objection.empty()) return mistake(kTool, objection, status);
    objection = objection_to_idle(arguments, format);
    if (!objection.empty()) return mistake(kTool, objection, status);
    arguments.inquiry.lines = format == "jsonl";
    json = json || format == "json";
    if (update == "shrink") arguments.update = BaselineUpdate::shrink;
    if (update == "grow") arguments.update = BaselineUpdate::grow;
    objection = objection_to(arguments, update, !format.empty() || json);
    if (!objection.empty()) return mistake(kTool, objection, status);
    bool terminal = isatty(STDOUT_FILENO) == 1 && arguments.output.empty();
    // A file gets what its reader expects, wherever it is written.
    arguments.format = json              ? find_format("json")
                       : !format.empty() ? find_format(format)
                                         : &suggested_format(terminal || !arguments.output.empty());
    if (arguments.format == nullptr)
        return mistake(kTool, "no such format; there are: " + format_names(false), status);
    if (arguments.list && arguments.format->write_sessions == nullptr)
        return mistake(kTool, "--list can be had as " + format_names(true), status);
    arguments.style.redact = !no_redact;
    arguments.style.colour = wants_colour(colour, terminal);
    arguments.style.unicode = shows_unicode(terminal);
    read_size(arguments.style, terminal);
    return arguments;
}

}  // namespace leakshim::tools
