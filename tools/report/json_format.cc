// SPDX-License-Identifier: MIT
//
// The report as JSON: schema leakshim.report/1, described in leakshim.report.1.schema.json. Fields are added,
// never renamed or removed; whoever reads must pass over what it does not know.
//
// Guarantees: one JSON value, strictly UTF-8, whatever bytes a ledger holds; every record, uncapped. Records
// are written one at a time, a line each, so that a million of them never become one value in memory.
//
// Several sessions in one report: `session`, `summary` and `counters` are of all together, each record says
// under `session` which one it is of, and `sessions` has what each of them says by itself.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "encoding.h"
#include "formats.h"
#include "record_json.h"
#include "report_json.h"
#include "rule_hits.h"
#include "times.h"

namespace leakshim::tools {

namespace {

using Json = nlohmann::ordered_json;

void write_records(const Reports& reports, bool redact, const Sink& sink) {
    bool first = true;
    sink(",\n\"records\":[");
    for (const Report& report : reports.all) {
        RecordWriter record_json(report, redact);
        for (const Item& item : report.items) {
            Json json = record_json(item);
            if (reports.all.size() > 1) json["session"] = to_utf8(report.session.id);
            sink((first ? "\n" : ",\n") + dumped(json));
            first = false;
        }
    }
    sink(first ? "]" : "\n]");
}

void write_each_session(const Reports& reports, bool redact, const Sink& sink) {
    bool first = true;
    sink(",\n\"sessions\":[");
    for (const Report& report : reports.all) {
        Json json = {{"session", session_json(report, redact)},
                     {"summary", summary_json(report.summary)},
                     {"counters", counters_json(report)},
                     {"options", options_json(report.session)},
                     {"rules", rules_json(report.rules)}};
        sink((first ? "\n" : ",\n") + dumped(json));
        first = false;
    }
    sink("\n]");
}

void write_frame(const Reports& reports, const Report& report, bool redact, const Sink& sink) {
    sink(R"({"schema":"leakshim.report/1",)");
    sink("\n\"session\":" + dumped(session_json(report, redact)));
    sink(",\n\"summary\":" + dumped(summary_json(report.summary)));
    write_records(reports, redact, sink);
    sink(",\n\"counters\":" + dumped(counters_json(report)));
    sink(",\n\"options\":" + dumped(options_json(report.session)));
    sink(",\n\"rules\":" + dumped(rules_json(report.rules)));
    if (!reports.baseline.empty()) {
        Json baseline = Json::object();
        put_path(baseline, "file", reports.baseline);
        baseline["known"] = sum_of(reports).summary.known;
        sink(",\n\"baseline\":" + dumped(baseline));
    }
    if (reports.all.size() > 1) write_each_session(reports, redact, sink);
    sink("}\n");
}

Json entry_json(const SessionEntry& session, bool redact) {
    Json json = {{"id", to_utf8(session.id)}};
    json["name"] = session.name.empty() ? Json() : Json(to_utf8(session.name));
    put_path(json, "ledger", session.tombstone ? std::string() : session.path);
    bool readable = session.problem.empty();
    bool ended = readable && session.state == SessionState::ended;
    json["state"] = readable ? Json(session_state_name(session.state)) : Json();
    json["started"] = time_json(session.started);
    json["ended"] = ended ? time_json(session.ended) : Json();
    json["errors"] = ended ? Json(session.errors) : Json();
    json["warnings"] = ended ? Json(session.warnings) : Json();
    json["notes"] = ended ? Json(session.notes) : Json();
    json["command"] = command_json(redact ? redact_command(session.command) : session.command);
    json["problem"] = readable ? Json() : Json(to_utf8(session.problem));
    return json;
}

}  // namespace

void write_json_reports(const Reports& reports, const Style& style, const Sink& sink) {
    if (reports.all.size() == 1) return write_frame(reports, reports.all.front(), style.redact, sink);
    write_frame(reports, sum_of(reports), style.redact, sink);
}

/// Lines of JSON: each object has one of the keys `session` (the first line of a session, with the name of
/// the schema), `record` and `summary` (its last line). Lines of several shards, one after the other, are the
/// lines of all.
void write_json_lines(const Reports& reports, const Style& style, const Sink& sink) {
    for (const Report& report : reports.all) {
        Json head = {{"schema", "leakshim.lines/1"}, {"session", session_json(report, style.redact)}};
        sink(dumped(head) + "\n");
        RecordWriter record_json(report, style.redact);
        for (const Item& item : report.items) {
            Json json = record_json(item);
            json["session"] = to_utf8(report.session.id);
            sink(dumped(Json{{"record", std::move(json)}}) + "\n");
        }
        Json foot = {{"id", to_utf8(report.session.id)},
                     {"summary", summary_json(report.summary)},
                     {"counters", counters_json(report)},
                     {"options", options_json(report.session)},
                     {"rules", rules_json(report.rules)}};
        sink(dumped(foot) + "\n");
    }
}

void write_json_sessions(const std::vector<SessionEntry>& sessions, const Style& style, const Sink& sink) {
    sink(R"({"schema":"leakshim.sessions/1",)");
    sink("\n\"sessions\":[");
    bool first = true;
    for (const SessionEntry& session : sessions) {
        sink((first ? "\n" : ",\n") + dumped(entry_json(session, style.redact)));
        first = false;
    }
    sink(first ? "]}\n" : "\n]}\n");
}

void write_json_session_lines(const std::vector<SessionEntry>& sessions, const Style& style,
                              const Sink& sink) {
    for (const SessionEntry& session : sessions)
        sink(dumped(entry_json(session, style.redact)) + "\n");
}

}  // namespace leakshim::tools
