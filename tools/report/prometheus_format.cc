// SPDX-License-Identifier: MIT
//
// A text file for Prometheus, made for the textfile collector of node_exporter: gauges that say how the last
// session ended, and how many sessions of the user there are.
//
// Every series is always there, with 0 where nothing was found, since one that comes and goes can't be
// alerted on. No timestamps, which the collector refuses.
#include <fmt/format.h>

#include <algorithm>

#include "findings.h"
#include "formats.h"
#include "kinds.h"

namespace leakshim::tools {

namespace {

using ledger::Counter;
using ledger::State;
using policy::Degree;

/// The kinds in the order of their numbers, `listening_port` behind `socket`.
std::vector<std::string_view> kind_names() {
    std::vector<std::string_view> names;
    for (u32 number = 0; number < 64; ++number) {
        auto kind = static_cast<ledger::Kind>(number);
        std::string_view name = ledger::kind_name(kind);
        if (name == "unknown" || kind == ledger::Kind::scope) continue;
        names.push_back(name);
        if (kind == ledger::Kind::socket) names.emplace_back("listening_port");
    }
    return names;
}

void write_head(std::string_view name, std::string_view help, const Sink& sink) {
    sink(fmt::format("# HELP leakshim_{0} {1}\n# TYPE leakshim_{0} gauge\n", name, help));
}

struct ByKind {
    std::string_view name, help;
    bool (*counts)(const Item& item);
};

bool was_removed(const Item& item) {
    using ledger::Outcome;
    bool removed = item.outcome == Outcome::removed || item.outcome == Outcome::removed_later;
    return item.state == State::reaped && removed && ledger::is_path(item.kind);
}

constexpr ByKind kByKind[] = {
    {"leaks", "Things that outlived the session, whatever became of them then.",
     [](const Item& item) { return item.degree == Degree::error; }},
    {"warnings", "Things that were merely open at the end of their process.",
     [](const Item& item) { return item.degree == Degree::warning; }},
    {"reaped", "Leaks that were taken away.", [](const Item& item) { return item.state == State::reaped; }},
    {"failed", "Leaks that could not be taken away, or must not be.",
     [](const Item& item) { return item.state == State::failed; }},
    {"kept", "Leaks that were left on purpose: by a rule, a mark or the mode.",
     [](const Item& item) { return item.state == State::kept; }},
    {"removed_names",
     "Paths that were taken away, a tree as one; freed_inodes and freed_bytes say what that gave back.",
     was_removed},
};

void write_by_kind(const Reports& reports, const Sink& sink) {
    for (const ByKind& metric : kByKind) {
        absl::flat_hash_map<std::string_view, u64> counts;
        for (const Report& report : reports.all) {
            for (const Item& item : report.items) {
                if (metric.counts(item)) ++counts[kind_name_of(item)];
            }
        }
        write_head(metric.name, metric.help, sink);
        for (std::string_view kind : kind_names())
            sink(fmt::format("leakshim_{}{{kind=\"{}\"}} {}\n", metric.name, kind, counts[kind]));
    }
}

struct BySession {
    std::string_view name, help;
    u64 (*of)(const Report& report);
};

u64 left_bytes(const Report& report) {
    u64 sum = 0;
    for (const auto& [item, size] : report.sizes)
        sum += size.bytes;
    return sum;
}

u64 left_inodes(const Report& report) {
    u64 sum = 0;
    for (const auto& [item, size] : report.sizes)
        sum += size.inodes;
    return sum;
}

u64 blind(const Report& report) {
    return report.counter(Counter::blind_static) + report.counter(Counter::blind_setid) +
           report.counter(Counter::blind_class) + report.counter(Counter::blind_scan);
}

u64 dropped(const Report& report) {
    return report.counter(Counter::dropped_full) + report.counter(Counter::dropped_limit) +
           report.counter(Counter::dropped_name) + report.counter(Counter::dropped_fd);
}

constexpr BySession kBySession[] = {
    {"freed_bytes",
     "Bytes on disk that reaping gave back: of what was unlinked under its last name, and of directories, "
     "inside of trees too; not of System V objects.",
     [](const Report& report) { return report.counter(Counter::freed_bytes); }},
    {"freed_inodes", "Inodes that reaping gave back, counted in the same way.",
     [](const Report& report) { return report.counter(Counter::freed_inodes); }},
    {"left_bytes", "Bytes in temporary trees and files that are still there.", left_bytes},
    {"left_inodes", "Inodes in temporary trees and files that are still there.", left_inodes},
    {"unresolved", "Things whose maker died while it made them; never touched.",
     [](const Report& report) { return report.summary.unresolved; }},
    {"blind", "Programs that the shim could not be loaded into, and processes found only in /proc.", blind},
    {"dropped", "Things that could not be recorded.", dropped},
};

Census census_of(const Reports& reports) {
    if (reports.census) return *reports.census;
    Census census;
    for (const Report& report : reports.all)
        ++census.of(report.session.state);
    return census;
}

}  // namespace

void write_prometheus_reports(const Reports& reports, const Style&, const Sink& sink) {
    write_by_kind(reports, sink);
    for (const BySession& metric : kBySession) {
        u64 sum = 0;
        for (const Report& report : reports.all)
            sum += metric.of(report);
        write_head(metric.name, metric.help, sink);
        sink(fmt::format("leakshim_{} {}\n", metric.name, sum));
    }
    Census census = census_of(reports);
    write_head("sessions", "Sessions that there are; dead ones were never reaped.", sink);
    for (SessionState state : {SessionState::live, SessionState::ended, SessionState::dead})
        sink(fmt::format("leakshim_sessions{{state=\"{}\"}} {}\n", session_state_name(state),
                         census.of(state)));
    u64 ended = 0;
    for (const Report& report : reports.all)
        ended = std::max(ended, report.session.ended);
    write_head("last_session_ended_timestamp_seconds", "When the newest session that is counted here ended.",
               sink);
    sink(fmt::format("leakshim_last_session_ended_timestamp_seconds {}.{:03}\n", ended / kSecond,
                     ended % kSecond / kMillisecond));
}

}  // namespace leakshim::tools
