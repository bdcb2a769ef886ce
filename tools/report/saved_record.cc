// SPDX-License-Identifier: MIT
#include "saved_record.h"

#include <absl/time/time.h>
#include <arpa/inet.h>

#include <charconv>
#include <cstring>

#include "encoding.h"
#include "kinds.h"

namespace leakshim::tools {

namespace {

using ledger::Kind;
using ledger::Outcome;
using ledger::State;
using policy::Degree;

constexpr u32 kMostNames = 64;  // more than any of these enumerations has

/// The value of an enumeration by the name that `name_of_value` gives it.
template <typename Enum, typename NameOf>
Enum value_of(const Field& field, NameOf name_of_value) {
    for (u32 number = 0; number < kMostNames; ++number) {
        auto value = static_cast<Enum>(number);
        if (name_of_value(value) == std::string_view(field.text())) return value;
    }
    field.refuse("is a word that this version does not know; a newer leakshim-report may have written it");
}

u64 number_in(const Field& field, std::string_view text, int base) {
    u64 number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (error != std::errc{} || end != text.data() + text.size()) field.refuse("is no number");
    return number;
}

int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string from_uri(const Field& field) {
    const std::string& uri = field.text();
    std::string bytes;
    for (size_t at = 0; at < uri.size(); ++at) {
        if (uri[at] != '%') {
            bytes += uri[at];
            continue;
        }
        int high = at + 2 < uri.size() ? digit_of(uri[at + 1]) : -1;
        int low = at + 2 < uri.size() ? digit_of(uri[at + 2]) : -1;
        if (high < 0 || low < 0) field.refuse("is not percent-encoded as it should be");
        bytes += static_cast<char>(high * 16 + low);
        at += 2;
    }
    return bytes;
}

SocketFacts socket_in(const Field& object) {
    SocketFacts socket;
    socket.fd = object.find("fd") ? object.at("fd").small() : -1;
    socket.family = object.text_or("family");
    socket.type = object.text_or("type");
    socket.address = object.text_or("address");
    if (auto port = object.find("port")) socket.port = static_cast<int>(port->number(0, 65535));
    socket.listening = object.is_set("listening");
    socket.path = name_of(object, "path");
    return socket;
}

/// The number that socket_of() calls by this name; 0 where nobody does.
template <typename NameIn>
u64 number_called(const std::string& name, int shift, NameIn name_in) {
    Item probe;
    probe.kind = Kind::socket;
    for (u64 number = 0; number < kMostNames && !name.empty(); ++number) {
        probe.a = number << shift;
        if (name_in(socket_of(probe)) == name) return probe.a;
    }
    return 0;
}

/// The reverse of socket_of().
void set_socket(Item& item, const SocketFacts& socket) {
    item.a = number_called(socket.family, 0, [](const SocketFacts& facts) { return facts.family; });
    int domain = static_cast<int>(item.a);
    item.a |= number_called(socket.type, 16, [](const SocketFacts& facts) { return facts.type; });
    if (socket.listening) item.flags |= ledger::flag::kListening;
    if (!socket.port) return;
    item.flags |= ledger::flag::kBound;
    item.a |= static_cast<u64>(*socket.port) << 32;
    u64 address[2] = {};
    if (inet_pton(domain, socket.address.c_str(), address) == 1) item.b = address[0], item.c = address[1];
}

SourceFrame frame_in(const Field& call) {
    SourceFrame frame;
    frame.module = call.text_or("module");
    Field offset = call.at("offset");
    std::string_view digits = offset.text();
    frame.offset = number_in(offset, digits.substr(std::min<size_t>(2, digits.size())), 16);
    frame.function = call.text_or("function");
    frame.file = call.text_or("file");
    if (auto line = call.find("line")) frame.line = line->small();
    frame.rebuilt = call.is_set("rebuilt");
    return frame;
}

void read_thread(const Field& record, Item& item) {
    if (auto tid = record.find("tid")) {
        item.number = tid->small();
        item.flags |= ledger::flag::kStarted;
    }
    if (record.is_set("detached")) item.flags |= ledger::flag::kDetached;
    if (record.is_set("finished")) item.flags |= ledger::flag::kFinished;
    if (auto routine = record.find("start_routine")) {
        std::string_view text = routine->text();
        item.a = number_in(*routine, text.substr(std::min<size_t>(2, text.size())), 16);
    }
    u64 words[2] = {};
    std::string name = record.text_or("name");
    std::memcpy(words, name.data(), std::min(name.size(), sizeof words));
    item.c = words[0], item.d = words[1];
}

}  // namespace

u64 time_of(const Field& field) {
    absl::Time time;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, field.text(), &time, &error)) field.refuse("is no time");
    i64 ns = absl::ToUnixNanos(time);
    return ns < 0 ? 0 : static_cast<u64>(ns);
}

std::string name_of(const Field& object, const char* key) {
    std::string uri_key = std::string(key) + "_uri";
    if (auto uri = object.find(uri_key.c_str())) return from_uri(*uri);
    return object.text_or(key);
}

std::vector<std::string> command_in(const Field& object, const char* key) {
    std::vector<std::string> command;
    if (auto arguments = object.find(key)) {
        for (const Field& argument : arguments->list())
            command.push_back(argument.text());
    }
    return command;
}

ledger::Handle RecordReader::scope_of(const std::string& text) {
    if (text.empty()) return 0;
    auto [scope, is_new] = scopes_.try_emplace(text, static_cast<ledger::Handle>(scopes_.size() + 1));
    if (is_new) report_.scopes[scope->second] = report_.arena.keep(text);
    return scope->second;
}

/// Each stack is one of its own here, under a number that no other has.
ledger::Handle RecordReader::add_stack(std::vector<SourceFrame> frames) {
    auto key = static_cast<ledger::Handle>(report_.stacks.size() + 1);
    report_.stacks[key] = std::move(frames);
    return key;
}

void RecordReader::read_stacks(const Field& record, Item& item) {
    if (auto stack = record.find("stack")) {
        std::vector<SourceFrame> frames;
        for (const Field& call : stack->list())
            frames.push_back(frame_in(call));
        item.stack = add_stack(std::move(frames));
    }
    if (auto routine = record.find("routine")) item.routine = add_stack({frame_in(*routine)});
}

/// The process that made the thing; one that is reported itself is known by its pid and command line.
u32 RecordReader::process_of(const Field& record) {
    auto pid = record.find("pid");
    if (!pid) return kNone;
    std::string command;
    for (const std::string& argument : command_in(record, "command"))
        command += argument + '\0';
    auto [maker, is_new] = makers_.try_emplace({pid->small(), command}, report_.processes.size());
    if (is_new) {
        Process process;
        process.pid = pid->small();
        process.state = State::ended;
        process.command = report_.arena.keep(command);
        report_.processes.push_back(process);
    }
    return maker->second;
}

void RecordReader::read_holds(const Field& holds, u32 process) {
    Holds held;
    for (const Field& socket : holds.at("sockets").list())
        held.sockets.push_back(socket_in(socket));
    for (const Field& file : holds.at("files").list())
        held.files.push_back(file.text());
    if (auto odd = holds.find("files_uri")) {
        size_t at = 0;
        for (const Field& uri : odd->list()) {
            std::string bytes = from_uri(uri), shown = to_utf8(bytes);
            while (at < held.files.size() && held.files[at] != shown)
                ++at;
            if (at < held.files.size()) held.files[at++] = bytes;
        }
    }
    if (auto output = holds.find("output")) {
        for (int fd = 1; fd <= 2; ++fd) {
            auto stream = output->find(fd == 1 ? "stdout" : "stderr");
            if (stream) held.output.of(fd) = value_of<ledger::Stream>(*stream, ledger::stream_name);
        }
    }
    if (!held.empty()) report_.holds[process] = std::move(held);
}

void RecordReader::add_process(const Field& record, u32 index) {
    u32 process = process_of(record);
    if (process == kNone) return;
    report_.processes[process].item = index;
    by_pid_[report_.processes[process].pid] = process;
    auto facts = record.find("process");
    if (!facts) return;
    report_.processes[process].ppid = facts->at("ppid").small();
    report_.processes[process].alive = facts->is_set("alive");
    read_holds(facts->at("holds"), process);
}

void RecordReader::read_by_kind(const Field& record, Item& item) {
    if (item.kind == Kind::thread) return read_thread(record, item);
    if (ledger::is_path(item.kind) || ledger::is_fd(item.kind))
        item.text = report_.arena.keep(name_of(record, "path"));
    if (ledger::is_named_ipc(item.kind)) item.text = report_.arena.keep(name_of(record, "name"));
    if (ledger::is_fd(item.kind)) item.number = record.at("fd").small();
    if (ledger::is_path(item.kind) && record.is_set("by_name")) item.flags |= ledger::flag::kByName;
    if (ledger::is_path(item.kind) && record.is_set("owner_only")) item.flags |= ledger::flag::kOwnerOnly;
    if (item.kind == Kind::socket) {
        SocketFacts socket = socket_in(record);
        set_socket(item, socket);
    }
    if (item.kind == Kind::pipe && record.text_or("end") == "write") item.flags |= ledger::flag::kWriteEnd;
    if (ledger::is_sysv_ipc(item.kind)) {
        auto id = record.find("ipc_id");
        item.number = id ? id->small() : ledger::kNoIpcId;
        item.a = record.at("key").count();
    }
}

void RecordReader::read_record(const Field& record, Item& item) {
    Field id = record.at("id"), kind = record.at("kind");
    size_t dot = std::min(id.text().find('.'), id.text().size() - 1);
    item.handle = static_cast<ledger::Handle>(number_in(id, std::string_view(id.text()).substr(0, dot), 10));
    item.generation = static_cast<u32>(number_in(id, std::string_view(id.text()).substr(dot + 1), 10));
    if (!ledger::kind_from_name(kind.text(), item.kind) || item.kind == Kind::scope)
        kind.refuse("is a kind that this version does not know; a newer leakshim-report may have written it");
    item.degree = value_of<Degree>(record.at("degree"), policy::degree_name);
    if (item.degree == Degree::none) record.refuse("is no finding");
    if (auto known = record.find("known")) item.known = value_of<Degree>(*known, policy::degree_name);
    item.state = value_of<State>(record.at("state"), ledger::state_name);
    item.outcome = value_of<Outcome>(record.at("outcome"), ledger::outcome_name);
    item.scope = scope_of(record.text_or("test"));
    item.site = scope_of(record.text_or("site"));
    if (auto born = record.find("born")) item.born = time_of(*born);
    item.process = process_of(record);
    read_stacks(record, item);
    read_by_kind(record, item);
}

/// What refers to other records, once all are there.
void RecordReader::connect(const std::vector<Field>& records) {
    absl::flat_hash_map<std::string, u32> by_id;
    for (u32 i = 0; i < records.size(); ++i)
        by_id[records[i].at("id").text()] = i;
    for (u32 i = 0; i < records.size(); ++i) {
        auto inside = by_id.find(records[i].text_or("inside"));
        if (inside != by_id.end()) report_.items[i].inside = inside->second;
        auto size = records[i].find("size");
        if (!size) continue;
        report_.sizes[i] = {size->at("bytes").count(), size->at("inodes").count(), size->is_set("whole")};
    }
    for (Process& process : report_.processes) {
        auto parent = by_pid_.find(process.ppid);
        if (process.item != kNone && parent != by_pid_.end()) process.parent = parent->second;
    }
}

void RecordReader::read(const std::vector<Field>& records) {
    for (u32 i = 0; i < records.size(); ++i) {
        if (records[i].at("kind").text() == "process") add_process(records[i], i);
    }
    report_.items.reserve(records.size());
    for (const Field& record : records)
        read_record(record, report_.items.emplace_back());
    connect(records);
}

}  // namespace leakshim::tools
