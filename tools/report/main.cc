// SPDX-License-Identifier: MIT
//
// leakshim-report: shows the ledger of a session. Reads and never changes anything. What goes wrong is one
// sentence on standard error, and standard output stays empty then.
#include <absl/status/statusor.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "arguments.h"
#include "encoding.h"
#include "gen_rules.h"
#include "ledger_dirs.h"
#include "load.h"
#include "output.h"
#include "saved_report.h"
#include "tool_note.h"

namespace leakshim::tools {

namespace {

int complain(const absl::Status& status, int exit_status) {
    complain(kTool, status);
    return exit_status;
}

/// Writes through `write` to where the command line says. A report that was cut short must not look like a
/// clean one.
template <typename Write>
int put_out(const Arguments& arguments, int exit_status, Write write) {
    Output output;
    absl::Status status = output.open(arguments.output);
    if (status.ok()) {
        write([&](std::string_view text) { output.write(text); });
        status = output.finish();
    }
    return status.ok() ? exit_status : complain(status, kUsage);
}

/// A ledger that was cut or damaged shows what is left of it, but never passes for a clean or whole one.
int show(Reports reports, const Arguments& arguments) {
    if (!arguments.baseline.empty()) {
        absl::Status used = use_baseline(arguments.baseline, arguments.update, reports);
        if (!used.ok()) return complain(used, kUsage);
    }
    if (arguments.gen_rules) {
        return put_out(arguments, kClean,
                       [&](const Sink& sink) { write_rules_for(reports, arguments.style, sink); });
    }
    int status = put_out(arguments, reports.errors() != 0 ? kLeaks : kClean, [&](const Sink& sink) {
        arguments.format->write_reports(reports, arguments.style, sink);
    });
    for (const Report& report : reports.all) {
        if (report.broken_chunks == 0) continue;
        std::string why = fmt::format(
            "{}: the ledger is cut short or damaged ({} pieces of it could not be read), so this report is "
            "not whole",
            terminal_safe(report.session.ledger, true), report.broken_chunks);
        status = complain(absl::DataLossError(why), kUnreadable);
    }
    return status;
}

int show_files(const std::vector<std::string>& paths, Reports reports, const Arguments& arguments) {
    TreeMeasure measure;
    for (const std::string& path : paths) {
        if (looks_saved(path)) {
            auto saved = read_saved_report(path);
            if (!saved.ok()) return complain(saved.status(), kUnreadable);
            std::move(saved->begin(), saved->end(), std::back_inserter(reports.all));
            continue;
        }
        auto file = LedgerFile::open(path);
        if (!file.ok()) return complain(file.status(), kUnreadable);
        reports.all.push_back(load_report(**file, &measure));
    }
    return show(std::move(reports), arguments);
}

int show_list(const std::vector<SessionEntry>& sessions, const Arguments& arguments) {
    return put_out(arguments, kClean, [&](const Sink& sink) {
        arguments.format->write_sessions(sessions, arguments.style, sink);
    });
}

int run(const Arguments& arguments) {
    if (arguments.inquiry.any())
        return answer(arguments.inquiry, arguments.session, arguments.json, arguments.style);
    if (!arguments.files.empty()) return show_files(arguments.files, {}, arguments);
    const char* wanted = std::getenv("LEAKSHIM_DIR");
    auto directories = find_ledger_directories(wanted != nullptr ? wanted : "");
    if (!directories.ok()) return complain(directories.status(), kUsage);
    std::vector<SessionEntry> sessions = list_sessions(*directories);
    if (int status = require_observed(arguments.inquiry, sessions)) return status;
    if (arguments.list) return show_list(sessions, arguments);
    auto chosen = arguments.session.empty() ? newest_session(sessions, arguments.live)
                                            : find_session(sessions, arguments.session);
    if (!chosen.ok()) return complain(chosen.status(), kUsage);
    Reports reports;
    reports.census.emplace();
    for (const SessionEntry& session : sessions) {
        if (session.problem.empty()) ++reports.census->of(session.state);
    }
    if (!chosen->tombstone) return show_files({chosen->path}, std::move(reports), arguments);
    reports.all.push_back(load_tombstone(*chosen));
    return show(std::move(reports), arguments);
}

}  // namespace

}  // namespace leakshim::tools

int main(int argc, char** argv) {
    using namespace leakshim::tools;
    return run_tool(kTool, [&] {
        int status = kClean;
        std::optional<Arguments> arguments = read_arguments(argc, argv, status);
        return arguments ? run(*arguments) : status;
    });
}
