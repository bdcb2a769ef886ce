// SPDX-License-Identifier: MIT
//
// leakshim-report: shows the ledger of a session. Reads and never changes anything. What goes wrong is one
// sentence on standard error, and standard output stays empty then.
#include <absl/status/statusor.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "arguments.h"
#include "encoding.h"
#include "ledger_dirs.h"
#include "load.h"

namespace leakshim::tools {

namespace {

int complain(const absl::Status& status, int exit_status) {
    fmt::print(stderr, "leakshim-report: {}\n", std::string(status.message()));
    return exit_status;
}

void write_to_stdout(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
}

/// A report that was cut short must not look like a clean one.
int after_writing(int exit_status) {
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return exit_status;
    fmt::print(stderr, "leakshim-report: the report could not be written out; is the disk full?\n");
    return kUsage;
}

/// A ledger that was cut or damaged shows what is left of it, but never passes for a clean or whole one.
int show(const Report& report, const Arguments& arguments) {
    arguments.format->write_report(report, arguments.style, write_to_stdout);
    int status = after_writing(report.summary.errors != 0 ? kLeaks : kClean);
    if (report.broken_chunks == 0) return status;
    std::string why = fmt::format(
        "{}: the ledger is cut short or damaged ({} pieces of it could not be read), so "
        "this report is not whole",
        terminal_safe(report.session.ledger, true), report.broken_chunks);
    return complain(absl::DataLossError(why), kUnreadable);
}

int show_ledger(const std::string& path, const Arguments& arguments) {
    auto file = LedgerFile::open(path);
    if (!file.ok()) return complain(file.status(), kUnreadable);
    return show(load_report(**file), arguments);
}

int run(const Arguments& arguments) {
    if (!arguments.ledger.empty()) return show_ledger(arguments.ledger, arguments);
    const char* wanted = std::getenv("LEAKSHIM_DIR");
    auto directories = find_ledger_directories(wanted != nullptr ? wanted : "");
    if (!directories.ok()) return complain(directories.status(), kUsage);
    std::vector<SessionEntry> sessions = list_sessions(*directories);
    if (arguments.list) {
        arguments.format->write_sessions(sessions, arguments.style, write_to_stdout);
        return after_writing(kClean);
    }
    auto chosen = arguments.session.empty() ? newest_session(sessions, arguments.live)
                                            : find_session(sessions, arguments.session);
    if (!chosen.ok()) return complain(chosen.status(), kUsage);
    if (chosen->tombstone) return show(load_tombstone(*chosen), arguments);
    return show_ledger(chosen->path, arguments);
}

}  // namespace

}  // namespace leakshim::tools

int main(int argc, char** argv) {
    using namespace leakshim::tools;
    try {
        int status = kClean;
        std::optional<Arguments> arguments = read_arguments(argc, argv, status);
        return arguments ? run(*arguments) : status;
    } catch (const std::exception& error) {
        fmt::print(stderr, "leakshim-report: {}\n", error.what());
        return kUnreadable;
    }
}
