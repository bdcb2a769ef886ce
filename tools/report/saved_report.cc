// SPDX-License-Identifier: MIT
#include "saved_report.h"

#include <errno.h>
#include <sys/stat.h>

#include <cstring>
#include <fstream>

#include "encoding.h"
#include "rule_hits.h"
#include "saved_record.h"
#include "summary.h"

namespace leakshim::tools {

namespace {

using ledger::Counter;
constexpr u64 kLargest = u64{1} << 30;  // of a file: it becomes some ten times as much in memory

SessionState state_of(const Field& field) {
    for (SessionState state : {SessionState::live, SessionState::ended, SessionState::dead}) {
        if (session_state_name(state) == field.text()) return state;
    }
    field.refuse("is no state of a session");
}

/// The value that has this name; `unknown` where it is null or newer than this version.
template <typename Enum, typename NameOf>
Enum named_or_unknown(const std::optional<Field>& field, Enum last, NameOf name_of_value) {
    for (u32 number = 0; field && number <= static_cast<u32>(last); ++number) {
        if (name_of_value(static_cast<Enum>(number)) == std::string_view(field->text()))
            return static_cast<Enum>(number);
    }
    return Enum{};
}

u32 flags_of(const Field& session) {
    u32 flags = 0;
    if (session.text_or("mode") == "reap") flags |= ledger::session_flag::kReap;
    if (session.is_set("fail")) flags |= ledger::session_flag::kFail;
    if (session.is_set("ci")) flags |= ledger::session_flag::kCi;
    return flags;
}

void read_session(const Field& from, Session& session) {
    session.id = from.at("id").text();
    session.name = from.text_or("name");
    session.ledger = name_of(from, "ledger");
    session.state = state_of(from.at("state"));
    session.settings_known = from.find("mode").has_value();
    session.flags = flags_of(from);
    if (auto started = from.find("started")) session.started = time_of(*started);
    session.started_boot = session.started;  // records have the time on the wall
    if (auto ended = from.find("ended")) session.ended = time_of(*ended);
    session.ended_by = named_or_unknown(from.find("ended_by"), ledger::kLastEndedBy, ledger::ended_by_name);
    session.guard = named_or_unknown(from.find("guard"), ledger::Guard::no_root, ledger::guard_name);
    Field root = from.at("root");
    if (auto pid = root.find("pid")) session.root_pid = pid->small();
    session.command = command_in(root, "command");
    session.cwd = name_of(root, "cwd");
    if (auto status = from.find("exit_status")) session.exit_status = status->small();
    session.boot_id = from.text_or("boot_id");
    session.layout_version = static_cast<u32>(from.at("layout_version").number(0, UINT32_MAX));
}

void read_counters(const Field& from, Report& report) {
    for (u32 i = 0; i < ledger::kCounters; ++i) {
        std::string name(ledger::counter_name(static_cast<Counter>(i)));
        std::optional<Field> value = from.find(name.c_str());
        for (const char* group : {"dropped", "blind", "at_exit", "freed"}) {
            std::optional<Field> members = from.find(group);
            if (!value && members) value = members->find(name.c_str());
        }
        if (value) report.counters[i] = value->count();
    }
    if (auto broken = from.find("broken_chunks"))
        report.broken_chunks = static_cast<u32>(broken->number(0, UINT32_MAX));
    for (const Field& word : from.at("degraded").list()) {
        if (word.text() == "no_pidfd") report.session.flags |= ledger::session_flag::kNoPidfd;
        if (word.text() == "foreign_pid_namespace") report.session.judged = false;
    }
}

void read_options(const Field::Json& json, const Field& from, Session& session) {
    session.rules = name_of(from, "rules");
    for (const auto& [key, value] : json.items()) {
        if (key == "rules" || key == "rules_uri" || !value.is_string()) continue;
        if (!session.options.empty()) session.options += ':';
        session.options += key + "=" + value.get_ref<const std::string&>();
    }
}

/// One session; `frame` holds what it says of itself, `records` all that are its own.
Report read_one(const Field::Json& json, const Field& frame, const std::vector<Field>& records) {
    Report report;
    read_session(frame.at("session"), report.session);
    read_counters(frame.at("counters"), report);
    read_options(json.at("options"), frame.at("options"), report.session);
    if (auto rules = frame.find("rules")) report.rules = read_rules(*rules);
    RecordReader(report).read(records);
    report.summary = summary_of(report);
    return report;
}

std::vector<Report> read_all(const Field::Json& json) {
    Field whole(json, "");
    if (whole.text_or("schema") != "leakshim.report/1") whole.refuse("has another schema");
    std::vector<Field> records = whole.at("records").list();
    std::vector<Report> reports;
    if (!json.contains("sessions")) {
        reports.push_back(read_one(json, whole, records));
        return reports;
    }
    absl::flat_hash_map<std::string, std::vector<Field>> of_session;
    for (const Field& record : records)
        of_session[record.at("session").text()].push_back(record);
    size_t at = 0;
    for (const Field& frame : whole.at("sessions").list()) {
        std::string id = frame.at("session").at("id").text();
        reports.push_back(read_one(json.at("sessions").at(at++), frame, of_session[id]));
    }
    if (reports.empty()) whole.refuse("holds no session");
    return reports;
}

absl::Status refused(const std::string& path, std::string_view why) {
    return absl::InvalidArgumentError(fmt::format("{}: no report that leakshim-report --json has written: {}",
                                                  terminal_safe(path, true), terminal_safe(why, true)));
}

}  // namespace

bool looks_saved(const std::string& path) {
    struct stat st {};
    if (stat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return false;
    return std::ifstream(path, std::ios::binary).get() == '{';
}

absl::StatusOr<std::vector<Report>> read_saved_report(const std::string& path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) return refused(path, std::strerror(errno));
    if (static_cast<u64>(file.tellg()) > kLargest) return refused(path, "it is too large");
    file.seekg(0);
    try {
        Field::Json json = Field::Json::parse(file, nullptr, false);
        if (json.is_discarded()) return refused(path, "it is no JSON, or cut short");
        return read_all(json);
    } catch (const Unfit& unfit) {
        return refused(path, unfit.what());
    } catch (const Field::Json::exception&) {
        return refused(path, "a part of it is missing or of another type");
    }
}

}  // namespace leakshim::tools
