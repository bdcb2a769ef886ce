// SPDX-License-Identifier: MIT
//
// The report as JSON: schema leakshim.report/1, described in leakshim.report.1.schema.json. Fields are added,
// never renamed or removed; whoever reads must pass over what it does not know.
//
// Guarantees: one JSON value, strictly UTF-8, whatever bytes a ledger holds; every record, uncapped. Records
// are written one at a time, a line each, so that a million of them never become one value in memory.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "encoding.h"
#include "formats.h"
#include "record_json.h"
#include "times.h"

namespace leakshim::tools {

namespace {

using Json = nlohmann::ordered_json;
using ledger::Counter;
using ledger::Kind;
using ledger::State;

std::string dumped(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json session_json(const Report& report, bool redact) {
    const Session& session = report.session;
    Json root = {{"pid", session.root_pid != 0 ? Json(session.root_pid) : Json()},
                 {"command", command_json(redact ? redact_command(session.command) : session.command)}};
    put_path(root, "cwd", session.cwd);
    Json json = {{"id", to_utf8(session.id)}};
    put_path(json, "ledger", session.ledger);
    json["state"] = session_state_name(session.state);
    bool known = session.settings_known;
    auto flag = [&](u32 bit) { return known ? Json((session.flags & bit) != 0) : Json(); };
    json["mode"] = !known ? Json() : (session.flags & ledger::session_flag::kReap) != 0 ? "reap" : "report";
    json["fail"] = flag(ledger::session_flag::kFail);
    json["ci"] = flag(ledger::session_flag::kCi);
    json["started"] = time_json(session.started);
    json["ended"] = session.state == SessionState::ended ? time_json(session.ended) : Json();
    bool told = session.state == SessionState::ended && session.ended_by != ledger::EndedBy::unknown;
    json["ended_by"] = told ? Json(ledger::ended_by_name(session.ended_by)) : Json();
    bool guard_known = session.guard != ledger::Guard::unknown;
    json["guard"] = guard_known ? Json(ledger::guard_name(session.guard)) : Json();
    json["root"] = std::move(root);
    json["exit_status"] = session.exit_status >= 0 ? Json(session.exit_status) : Json();
    json["boot_id"] = session.boot_id.empty() ? Json() : Json(to_utf8(session.boot_id));
    json["layout_version"] = session.layout_version;
    return json;
}

Json summary_json(const Summary& summary) {
    return {{"errors", summary.errors}, {"warnings", summary.warnings}, {"notes", summary.notes},
            {"reaped", summary.reaped}, {"kept", summary.kept},         {"failed", summary.failed},
            {"leaked", summary.leaked}, {"live", summary.live},         {"unresolved", summary.unresolved}};
}

/// What a reader must know before it trusts the rest.
Json degraded_json(const Report& report) {
    Json degraded = Json::array();
    if ((report.session.flags & ledger::session_flag::kNoPidfd) != 0) degraded.push_back("no_pidfd");
    if (!ledger::why_no_guard(report.session.guard).empty()) degraded.push_back("no_guard");
    if (report.counter(Counter::left_ledger) != 0) degraded.push_back("left_ledger");
    if (report.counter(Counter::unindexed) != 0) degraded.push_back("unindexed");
    if (report.broken_chunks != 0) degraded.push_back("broken_chunks");
    if (!report.session.judged) degraded.push_back("foreign_pid_namespace");
    return degraded;
}

Json counters_json(const Report& report) {
    auto group = [&](std::initializer_list<Counter> counters) {
        Json json = Json::object();
        for (Counter counter : counters)
            json[std::string(ledger::counter_name(counter))] = report.counter(counter);
        return json;
    };
    Json json;
    json["dropped"] =
        group({Counter::dropped_full, Counter::dropped_limit, Counter::dropped_name, Counter::dropped_fd});
    json["blind"] =
        group({Counter::blind_static, Counter::blind_setid, Counter::blind_class, Counter::blind_scan});
    json["closed_behind"] = report.counter(Counter::closed_behind);
    json["degraded"] = degraded_json(report);
    json["at_exit"] = group(
        {Counter::fds_at_exit, Counter::sockets_at_exit, Counter::ports_at_exit, Counter::threads_at_exit});
    json["left_ledger"] = report.counter(Counter::left_ledger);
    json["unindexed"] = report.counter(Counter::unindexed);
    json["favours"] = report.counter(Counter::favours);
    json["processes"] = report.counter(Counter::processes);
    json["records"] = report.counter(Counter::records);
    json["broken_chunks"] = report.broken_chunks;
    return json;
}

/// `key=value` pairs as they were set; what they mean is in leakshim(7).
Json options_json(const Session& session) {
    Json json = Json::object();
    for (const std::string& pair : split_bytes(session.options, ':')) {
        if (pair.empty()) continue;
        size_t equals = std::min(pair.find('='), pair.size());
        json[to_utf8(pair.substr(0, equals))] = to_utf8(equals < pair.size() ? pair.substr(equals + 1) : "");
    }
    if (!session.rules.empty()) put_path(json, "rules", session.rules);
    return json;
}

void write_report(const Report& report, const Style& style, const Sink& sink) {
    sink(R"({"schema":"leakshim.report/1",)");
    sink("\n\"session\":" + dumped(session_json(report, style.redact)));
    sink(",\n\"summary\":" + dumped(summary_json(report.summary)));
    sink(",\n\"records\":[");
    RecordWriter record_json(report, style.redact);
    bool first = true;
    for (const Item& item : report.items) {
        sink(first ? "\n" : ",\n");
        sink(dumped(record_json(item)));
        first = false;
    }
    sink(first ? "]" : "\n]");
    sink(",\n\"counters\":" + dumped(counters_json(report)));
    sink(",\n\"options\":" + dumped(options_json(report.session)));
    sink("}\n");
}

}  // namespace

void write_json_reports(const Reports& reports, const Style& style, const Sink& sink) {
    write_report(reports.all.front(), style, sink);
}

void write_json_sessions(const std::vector<SessionEntry>& sessions, const Style& style, const Sink& sink) {
    sink(R"({"schema":"leakshim.sessions/1",)");
    sink("\n\"sessions\":[");
    bool first = true;
    for (const SessionEntry& session : sessions) {
        Json json = {{"id", to_utf8(session.id)}};
        put_path(json, "ledger", session.tombstone ? std::string() : session.path);
        bool readable = session.problem.empty();
        json["state"] = readable ? Json(session_state_name(session.state)) : Json();
        json["started"] = time_json(session.started);
        json["ended"] = readable && session.state == SessionState::ended ? time_json(session.ended) : Json();
        bool counted = readable && session.state == SessionState::ended;
        json["errors"] = counted ? Json(session.errors) : Json();
        json["warnings"] = counted ? Json(session.warnings) : Json();
        json["notes"] = counted ? Json(session.notes) : Json();
        json["command"] = command_json(style.redact ? redact_command(session.command) : session.command);
        json["problem"] = readable ? Json() : Json(to_utf8(session.problem));
        sink((first ? "\n" : ",\n") + dumped(json));
        first = false;
    }
    sink(first ? "]}\n" : "\n]}\n");
}

}  // namespace leakshim::tools
