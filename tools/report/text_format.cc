// SPDX-License-Identifier: MIT
//
// The report for people: who ran, what leaked by test, what was kept and how to remove it, what could not be
// seen, and a last line that a person and grep both read.
//
// Guarantees: no byte from a ledger reaches the terminal before it was made harmless (text_words.h); quiet
// when there is nothing to say; one screen unless all is asked for.
#include <fmt/format.h>

#include <algorithm>

#include "encoding.h"
#include "findings.h"
#include "formats.h"
#include "rule_hits.h"
#include "text_advice.h"
#include "text_blind.h"
#include "text_rows.h"
#include "text_table.h"
#include "times.h"

namespace leakshim::tools {

namespace {

using ledger::Outcome;
using ledger::State;
using policy::Degree;

constexpr size_t kAlwaysShown =
    16;  // so many records, if these are all: to scroll is better than to miss one
constexpr size_t kFewestRows = 1;
constexpr int kTries = 5;

std::string root_line(const Session& session, const Style& style) {
    std::vector<std::string> command = style.redact ? redact_command(session.command) : session.command;
    std::string line = join_command(command, style.unicode);
    if (line.empty()) line = "(command line not known)";
    return style.width > 0 && !style.all ? cut_to(line, style.width - 2, style.unicode) : line;
}

std::string how_it_ended(const Session& session) {
    if (session.state == SessionState::live && !session.judged) {
        return "taken to be running: its processes are in another PID namespace and can't be seen from here";
    }
    if (session.state == SessionState::live) return fmt::format("still running (pid {})", session.root_pid);
    if (session.state == SessionState::dead) {
        return fmt::format("died without reaping (pid {} is gone): what is called leaked was there just now",
                           session.root_pid);
    }
    std::string line = "ended";
    if (session.ended > session.started)
        line += fmt::format(" after {}", short_span(session.ended - session.started));
    if (session.ended_by != ledger::EndedBy::unknown)
        line += fmt::format(" by {}", ledger::ended_by_name(session.ended_by));
    if (session.exit_status >= 0) line += fmt::format(" with status {}", session.exit_status);
    return line;
}

std::string mode_words(u32 flags) {
    std::string words = (flags & ledger::session_flag::kReap) != 0 ? "reap" : "report";
    if ((flags & ledger::session_flag::kFail) != 0) words += ",fail";
    if ((flags & ledger::session_flag::kCi) != 0) words += ", in CI";
    return words;
}

void write_head(const Report& report, const Style& style, const Sink& sink) {
    const Session& session = report.session;
    std::string name = session.name.empty() ? "" : fmt::format("{}, ", session.name);
    std::string title =
        fmt::format("leakshim session {} ({}mode {})", terminal_safe(session.id, style.unicode),
                    terminal_safe(name, style.unicode), mode_words(session.flags));
    std::string_view indent;
    for (const std::string& line : wrapped(title, style.width)) {
        sink(fmt::format("{}{}\n", indent, line));
        indent = "  ";
    }
    sink(fmt::format("  {}\n", root_line(session, style)));
    std::string course = fmt::format("started {}, {}", local_time(session.started), how_it_ended(session));
    for (const std::string& line : wrapped(course, style.width > 0 ? style.width - 2 : 0))
        sink("  " + line + "\n");
}

/// The same words as in the lines that the run itself printed: `14 errors (9 reaped, 5 not to be reaped), 2
/// warnings`.
std::string findings(const Reports& reports) {
    Summary sum = sum_of(reports).summary;
    u64 records = 0, reaped = 0, failed = 0, other_notes = 0;
    bool any_live = false;
    for (const Report& report : reports.all) {
        any_live = any_live || report.session.state == SessionState::live;
        records += report.items.size();
        for (const Item& item : report.items) {
            bool is_error = item.degree == Degree::error, is_note = item.degree == Degree::note;
            reaped += is_error && item.state == State::reaped;
            failed += is_error && item.state == State::failed;
            bool is_other = is_note && item.state != State::kept && item.state != State::intent;
            other_notes += is_other && item.known == Degree::none;
        }
    }
    if (any_live) return counted(records, "record", "records") + ", live";
    if (records == 0) return "nothing leaked";
    std::string known = sum.known != 0 ? fmt::format(", {} known", sum.known) : "";
    if (records == sum.known) return "nothing new leaked" + known;
    std::string words = counted(sum.errors, "error", "errors");
    if (sum.errors != 0) {
        words += fmt::format(" ({} reaped", reaped);
        if (failed != 0) words += fmt::format(", {} not to be reaped", failed);
        words += ")";
    }
    words += ", " + counted(sum.warnings, "warning", "warnings");
    words += known;
    if (sum.kept != 0) words += fmt::format(", {} kept", sum.kept);
    if (sum.unresolved != 0) words += fmt::format(", {} unresolved", sum.unresolved);
    if (other_notes != 0) words += ", " + counted(other_notes, "note", "notes");
    return words;
}

/// What the end of the session counted: the worst there is.
std::string found_words(const SessionEntry& session) {
    if (session.state != SessionState::ended) return "-";
    if (session.errors != 0) return counted(session.errors, "leak", "leaks");
    if (session.warnings != 0) return counted(session.warnings, "warning", "warnings");
    return session.notes != 0 ? counted(session.notes, "note", "notes") : "clean";
}

std::string body_of(const Report& report, const Style& style) {
    std::string body;
    Sink sink = [&](std::string_view text) { body += text; };
    write_head(report, style, sink);
    bool has_rules = write_table(report, style, sink);
    write_advice(report, has_rules, style, sink);
    write_blind(report, style, sink);
    return body;
}

/// Lines that `text` takes on the screen, where long ones are continued below.
int lines_on_screen(std::string_view text, int width) {
    int lines = 0;
    for (const std::string& line : split_bytes(text, '\n'))
        lines += width > 0 ? std::max(1, (display_width(line) + width - 1) / width) : 1;
    return lines;
}

/// With as many records as the screen has room for, but for the few that are always shown.
std::string fitted(const Report& report, Style style) {
    if (report.items.size() <= kAlwaysShown) return body_of(report, style);
    constexpr int kBelow = 4;  // the summary, which may take two lines, what is above it, and the next prompt
    if (style.height > 0) style.rows = static_cast<size_t>(std::clamp(style.height, 4, 60));
    std::string body = body_of(report, style);
    for (int i = 0; i < kTries && style.height > 0 && !style.all && style.rows > kFewestRows; ++i) {
        int lines = lines_on_screen(body, style.width), room = std::max(style.height - kBelow, 1);
        if (lines <= room) break;
        size_t fewer =
            std::min(style.rows - 1, style.rows * static_cast<size_t>(room) / static_cast<size_t>(lines));
        style.rows = std::max(kFewestRows, fewer);
        body = body_of(report, style);
    }
    // On a very small screen what leaked comes before how it could be kept.
    bool too_long =
        style.height > 0 && !style.all && lines_on_screen(body, style.width) > style.height - kBelow;
    if (!too_long) return body;
    style.rules = false;
    return body_of(report, style);
}

void write_report(const Report& report, const Style& style, const Sink& sink) {
    const Session& session = report.session;
    if (session.tombstone) {
        std::string when = session.ended != 0 ? " " + local_time(session.ended) : "";
        sink(fmt::format("leakshim: the newest run left nothing behind (session {}, ended{}): {}\n",
                         terminal_safe(session.id, style.unicode), when, root_line(session, style)));
        return;
    }
    sink(fitted(report, style) + "\n");
}

}  // namespace

void write_text_reports(const Reports& reports, const Style& style, const Sink& sink) {
    bool only_tombstone = reports.all.size() == 1 && reports.all.front().session.tombstone;
    for (const Report& report : reports.all)
        write_report(report, style, sink);
    if (only_tombstone) return;
    if (std::string known = known_words(reports); !known.empty()) sink("and " + known + "\n\n");
    Report sum = sum_of(reports);
    write_rules(sum.rules, style, sink);
    std::string sessions = reports.all.size() > 1 ? fmt::format("{} sessions, ", reports.all.size()) : "";
    sink(fmt::format("SUMMARY: leakshim: {}{}; blind: {}\n", sessions, findings(reports), blind_words(sum)));
}

void write_text_sessions(const std::vector<SessionEntry>& sessions, const Style& style, const Sink& sink) {
    int longest = 0;
    for (const SessionEntry& session : sessions)
        longest = std::max(longest, display_width(terminal_safe(session.name, style.unicode)));
    for (const SessionEntry& session : sessions) {
        std::string id = terminal_safe(session.id, style.unicode);
        if (longest != 0) {
            std::string name = session.name.empty() ? "-" : terminal_safe(session.name, style.unicode);
            id += fmt::format("  {:<{}}", name, longest);
        }
        if (!session.problem.empty()) {
            sink(fmt::format("{}  unreadable  {}\n", id, session.problem));
            continue;
        }
        std::string state(session_state_name(session.state));
        std::string found = found_words(session);
        u64 when = session.ended != 0 ? session.ended : session.started;
        std::vector<std::string> command = style.redact ? redact_command(session.command) : session.command;
        std::string line =
            fmt::format("{}  {:<5}  {}  {:>12}  ", id, state, when != 0 ? local_time(when) : "-", found);
        std::string words = join_command(command, style.unicode);
        int room = style.width - display_width(line);
        if (style.width > 0 && !style.all) words = cut_to(words, std::max(room, 8), style.unicode);
        sink(line + words + "\n");
    }
}

}  // namespace leakshim::tools
