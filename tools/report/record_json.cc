// SPDX-License-Identifier: MIT
#include "record_json.h"

#include <fmt/format.h>

#include "encoding.h"
#include "times.h"

namespace leakshim::tools {

namespace {

using Json = nlohmann::ordered_json;
using ledger::Kind;
using ledger::State;

Json text_or_null(std::string_view text) {
    return text.empty() ? Json() : Json(to_utf8(text));
}

/// A moment on CLOCK_BOOTTIME, by the clock on the wall when the session started.
u64 realtime_of(const Session& session, u64 boottime) {
    // Unsigned arithmetic wraps, and a hostile ledger may hold anything: then the time is wrong and nothing
    // else.
    return session.started + (boottime - session.started_boot);
}

void put_socket(Json& json, const SocketFacts& socket) {
    json["family"] = text_or_null(socket.family);
    json["type"] = text_or_null(socket.type);
    json["address"] = text_or_null(socket.address);
    json["port"] = socket.port ? Json(*socket.port) : Json();
    json["listening"] = socket.listening;
    if (!socket.path.empty()) put_path(json, "path", socket.path);
}

Json holds_json(const Holds& holds) {
    Json sockets = Json::array(), files = Json::array(), odd = Json::array();
    for (const SocketFacts& socket : holds.sockets) {
        Json json = {{"fd", socket.fd}};
        put_socket(json, socket);
        sockets.push_back(std::move(json));
    }
    for (const std::string& file : holds.files) {
        files.push_back(to_utf8(file));
        if (!is_utf8(file)) odd.push_back(to_uri(file));
    }
    Json json = {{"sockets", std::move(sockets)}, {"files", std::move(files)}};
    if (!odd.empty()) json["files_uri"] = std::move(odd);
    Json output = Json::object();
    for (int fd = 1; fd <= 2; ++fd) {
        ledger::Stream stream = holds.output.of(fd);
        if (stream != ledger::Stream::none)
            output[fd == 1 ? "stdout" : "stderr"] = ledger::stream_name(stream);
    }
    if (!output.empty()) json["output"] = std::move(output);
    return json;
}

Json process_json(const Report& report, const Process& process, bool redact) {
    u32 index = static_cast<u32>(&process - report.processes.data());
    auto holds = report.holds.find(index);
    return {{"pid", process.pid},
            {"ppid", process.ppid},
            {"command", command_json(command_of(process, redact))},
            {"alive", process.alive},
            {"holds", holds_json(holds == report.holds.end() ? Holds{} : holds->second)}};
}

Json frame_json(const SourceFrame& frame) {
    Json call;
    call["module"] = text_or_null(frame.module);
    call["offset"] = fmt::format("0x{:x}", frame.offset);
    call["function"] = text_or_null(frame.function);
    call["file"] = text_or_null(frame.file);
    call["line"] = frame.line == 0 ? Json() : Json(frame.line);
    if (frame.rebuilt) call["rebuilt"] = true;
    return call;
}

Json stack_json(const std::vector<SourceFrame>& stack) {
    Json json = Json::array();
    for (const SourceFrame& frame : stack)
        json.push_back(frame_json(frame));
    return json;
}

void put_thread(Json& json, const Report& report, const Item& item) {
    bool started = (item.flags & ledger::flag::kStarted) != 0;
    json["tid"] = started ? Json(item.number) : Json();
    json["name"] = text_or_null(thread_name_of(item));
    // An address is a name, not a quantity, and a number above 2^53 does not survive every reader.
    json["start_routine"] = fmt::format("0x{:x}", item.a);
    if (const SourceFrame* routine = report.routine_of(item)) json["routine"] = frame_json(*routine);
    json["detached"] = (item.flags & ledger::flag::kDetached) != 0;
    json["finished"] = (item.flags & ledger::flag::kFinished) != 0;
}

void put_descriptor(Json& json, const Item& item) {
    json["fd"] = item.number;
    if (item.kind == Kind::socket) {
        put_socket(json, socket_of(item));
    } else if (!item.text.empty()) {
        put_path(json, "path", item.text);
    }
    if (item.kind == Kind::pipe) json["end"] = (item.flags & ledger::flag::kWriteEnd) != 0 ? "write" : "read";
}

void put_by_kind(Json& json, const Report& report, const Item& item, bool redact) {
    if (item.kind == Kind::process) {
        const Process* process = report.process_of(item);
        json["process"] = process != nullptr ? process_json(report, *process, redact) : Json();
    } else if (item.kind == Kind::thread) {
        put_thread(json, report, item);
    } else if (ledger::is_fd(item.kind)) {
        put_descriptor(json, item);
    } else if (ledger::is_path(item.kind)) {
        put_path(json, "path", item.text);
        if (item.inside != kNone) json["inside"] = record_id(report.items[item.inside]);
    } else if (ledger::is_named_ipc(item.kind)) {
        put_path(json, "name", item.text);
    } else if (ledger::is_sysv_ipc(item.kind)) {
        json["ipc_id"] = item.number == ledger::kNoIpcId ? Json() : Json(item.number);
        json["key"] = static_cast<u32>(item.a);
    }
}

}  // namespace

std::string record_id(const Item& item) {
    return fmt::format("{}.{}", item.handle, item.generation);
}

void put_path(Json& json, const std::string& key, std::string_view name) {
    json[key] = text_or_null(name);
    if (!is_utf8(name)) json[key + "_uri"] = to_uri(name);
}

Json command_json(const std::vector<std::string>& arguments) {
    if (arguments.empty()) return Json();
    Json json = Json::array();
    for (const std::string& argument : arguments)
        json.push_back(to_utf8(argument));
    return json;
}

Json time_json(u64 realtime_ns) {
    return realtime_ns == 0 ? Json() : Json(iso_time(realtime_ns));
}

const Json& RecordWriter::command_of_process(u32 process) {
    if (process != last_process_) {
        last_command_ =
            process == kNone ? Json() : command_json(command_of(report_.processes[process], redact_));
        last_process_ = process;
    }
    return last_command_;
}

Json RecordWriter::operator()(const Item& item) {
    const Process* process = report_.process_of(item);
    Json json;
    json["id"] = record_id(item);
    json["kind"] = kind_name_of(item);
    json["degree"] = policy::degree_name(item.degree);
    if (item.known != policy::Degree::none) json["known"] = policy::degree_name(item.known);
    json["state"] = ledger::state_name(item.state);
    json["test"] = text_or_null(report_.test_of(item));
    if (!report_.site_of(item).empty()) json["site"] = to_utf8(report_.site_of(item));
    if (const auto* stack = report_.stack_of(item)) json["stack"] = stack_json(*stack);
    json["born"] = time_json(realtime_of(report_.session, item.born));
    json["pid"] = process != nullptr ? Json(process->pid) : Json();
    json["command"] = command_of_process(item.process);
    bool acted = item.state == State::reaped;
    json["action"] = acted ? Json(ledger::outcome_name(item.outcome)) : Json();
    json["reason"] = text_or_null(ledger::outcome_text(item.outcome));
    json["outcome"] = ledger::outcome_name(item.outcome);
    put_by_kind(json, report_, item, redact_);
    auto size = report_.sizes.find(static_cast<u32>(&item - report_.items.data()));
    if (size != report_.sizes.end()) {
        json["size"] = {
            {"bytes", size->second.bytes}, {"inodes", size->second.inodes}, {"whole", size->second.whole}};
    }
    if (ledger::is_path(item.kind) && (item.flags & ledger::flag::kByName) != 0) json["by_name"] = true;
    if (ledger::is_path(item.kind) && (item.flags & ledger::flag::kOwnerOnly) != 0) json["owner_only"] = true;
    return json;
}

}  // namespace leakshim::tools
