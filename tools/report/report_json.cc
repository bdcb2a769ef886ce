// SPDX-License-Identifier: MIT
#include "report_json.h"

#include <algorithm>

#include "encoding.h"
#include "record_json.h"
#include "times.h"

namespace leakshim::tools {

namespace {

using Json = nlohmann::ordered_json;
using ledger::Counter;

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

}  // namespace

std::string dumped(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json session_json(const Report& report, bool redact) {
    const Session& session = report.session;
    Json root = {{"pid", session.root_pid != 0 ? Json(session.root_pid) : Json()},
                 {"command", command_json(redact ? redact_command(session.command) : session.command)}};
    put_path(root, "cwd", session.cwd);
    Json json = {{"id", to_utf8(session.id)}};
    if (!session.name.empty()) json["name"] = to_utf8(session.name);
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
    json["freed"] = group({Counter::freed_inodes, Counter::freed_bytes});
    json["left_ledger"] = report.counter(Counter::left_ledger);
    json["unindexed"] = report.counter(Counter::unindexed);
    json["favours"] = report.counter(Counter::favours);
    json["processes"] = report.counter(Counter::processes);
    json["records"] = report.counter(Counter::records);
    json["broken_chunks"] = report.broken_chunks;
    return json;
}

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

}  // namespace leakshim::tools
