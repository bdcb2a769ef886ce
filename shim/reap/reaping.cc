// SPDX-License-Identifier: MIT
#include "reaping.h"

#include <errno.h>

#include <new>

#include "rules.h"
#include "things.h"

namespace leakshim::reap {

Reaping::Reaping(const Request& the_request, Buffers& the_buffers)
    : request(the_request),
      kernel(request.kernel),
      ledger(request.ledger),
      options(request.options),
      buffers(the_buffers),
      self_pid(kernel.self()),
      started(kernel.boottime()),
      deadline(started + options.deadline),
      actions(ledger, kernel, request.log),
      source_(ledger) {
    if (request.in_root) return;
    other_boot = !same_boot(kernel, header());
    find_own_ancestors();
}

void Reaping::find_own_ancestors() {
    int pid = self_pid;
    ProcessStat stat;
    for (u32 i = 0; i < kMaxChain && pid > 1 && kernel.read_stat(pid, stat); ++i) {
        own_chain_[i] = pid;
        pid = stat.ppid;
    }
}

bool Reaping::is_own_ancestor(int pid) const {
    for (int own : own_chain_) {
        if (own == pid) return true;
    }
    return false;
}

bool Reaping::is_open(State state) const {
    if (state == State::live) return true;
    return request.again && (state == State::leaked || state == State::kept || state == State::failed);
}

bool Reaping::concerns(Handle scope) {
    if (request.scope == 0 || scope == request.scope) return true;
    // Two processes may have got a handle each of the same name: its hash decides.
    const ledger::Record* wanted = ledger.at(request.scope);
    ledger::Record* record = scope == 0 ? nullptr : ledger.at(scope);
    if (record == nullptr || wanted == nullptr) return false;
    bool named_alike = record->kind == Kind::scope && wanted->kind == Kind::scope && record->a == wanted->a;
    bool is_site = (record->flags.load(std::memory_order_relaxed) & ledger::flag::kNoScope) != 0;
    // One that was begun and has not ended is a scope of its own, whatever its name.
    return named_alike && !is_site && std::atomic_ref<u64>(record->d).load(std::memory_order_relaxed) == 0;
}

namespace {

void no_longer_leaked(ledger::Record& record) {
    record.flags.fetch_and(static_cast<u8>(~ledger::flag::kLeaked), std::memory_order_acq_rel);
}

}  // namespace

void Reaping::tally(Handle handle, State to, Outcome outcome) {
    Entry entry;
    entry.kind = ledger.at(handle)->kind;
    entry.state = to;
    entry.outcome = outcome;
    count_finding(entry, scoped);
}

void Reaping::call_leaked(Suspect& suspect) {
    suspect.leaked = true;
    ledger::Record* record = suspect.handle == 0 ? nullptr : ledger.at(suspect.handle);
    if (record == nullptr || record->kind != Kind::process) return;
    u32 word = suspect.generation << 8 | static_cast<u32>(suspect.from);
    if (record->state.load(std::memory_order_acquire) != word) return;
    record->flags.fetch_or(ledger::flag::kLeaked, std::memory_order_acq_rel);
    // Ended just now, and its line another record's.
    if (record->state.load(std::memory_order_acquire) != word) no_longer_leaked(*record);
}

void Reaping::end_process(Handle handle, u32 generation) {
    ledger::Record* record = ledger.at(handle);
    if (record == nullptr || ledger::generation_of(*record) != generation) return;
    no_longer_leaked(*record);
    ledger::end_process(author(), handle, -1, generation);
}

bool Reaping::settle(Handle handle, u32 generation, State from, State to, Outcome outcome) {
    ledger::Record* record = ledger.at(handle);
    if (record == nullptr) return false;
    u32 word = generation << 8 | static_cast<u32>(from);
    if (record->state.load(std::memory_order_acquire) != word) return false;
    touched = true;
    // What was no leak when the session ended does not become one because somebody clears it away, or tries
    // to.
    Outcome before = record->outcome.load(std::memory_order_relaxed);
    bool was_note = record->kind != Kind::process &&
                    policy::degree_of(record->kind, from, before) == policy::Degree::note;
    if (was_note && to == State::reaped && outcome == Outcome::removed) outcome = Outcome::removed_later;
    actions.settled(handle, generation, to, outcome);
    if (request.decided.made != nullptr) request.decided.made(request.decided.context, handle, to, outcome);
    if (request.scope != 0) {
        tally(handle, to, outcome);
        if (to != State::reaped && to != State::gone) {
            if (record->kind == Kind::process) no_longer_leaked(*record);
            return true;
        }
    }
    if (was_note && policy::degree_of(record->kind, to, outcome) == policy::Degree::error) return true;
    // The outcome first: whoever sees the final state, after a SIGKILL in between too, sees why.
    record->outcome.store(outcome, std::memory_order_relaxed);
    u32 final_word = generation << 8 | static_cast<u32>(to);
    return record->state.compare_exchange_strong(word, final_word, std::memory_order_acq_rel);
}

namespace {

/// The name of a thing as rules know it.
void add_name(const Entry& entry, TextBuffer& to) {
    if (entry.kind == Kind::thread) {
        char name[17] = {};
        __builtin_memcpy(name, &entry.c, 8);
        __builtin_memcpy(name + 8, &entry.d, 8);
        to.add(Str(name));
    } else if (entry.kind != Kind::process) {
        to.add(entry.text);
    }
    if (entry.kind == Kind::socket) rules::port_name(entry.a, to);
}

/// Whether a path still names what was recorded.
struct StillThere {
    Reaping& reaping;
    FileId id;
    const char* path;

    static bool look(void* context) {
        const auto& still = *static_cast<const StillThere*>(context);
        FileFacts facts;
        bool found = still.reaping.kernel.facts(AT_FDCWD, still.path, facts) == 0;
        return found && compare(still.id, facts.id) == policy::Facts::Now::same;
    }
};

}  // namespace

policy::Ruling Reaping::ruling_of(const Entry& entry) {
    if (!request.rules.concern(entry.kind)) return policy::Ruling::none;
    policy::Subject subject;
    subject.kind = entry.kind;
    subject.listening = entry.kind == Kind::socket && (entry.a >> 32) != 0;
    TextBuffer name(buffers.name, sizeof buffers.name);
    add_name(entry, name);
    subject.name = name.str();
    StillThere still{*this, entry.file_id(), name.c_str()};
    if (ledger::is_path(entry.kind)) subject.is_there = StillThere::look, subject.context = &still;
    Entry other;
    TextBuffer command(buffers.text, sizeof buffers.text);
    if (entry.kind == Kind::process)
        command.add(entry.text);
    else if (look(entry.owner, other) && other.kind == Kind::process)
        command.add(other.text);
    subject.command = command.str();
    // As the report has it: where it was started, else the test that it has gone into.
    Handle scope = entry.kind == Kind::process && entry.scope == 0 ? entry.process_scope : entry.scope;
    if (scope != 0 && look(scope, other) && other.kind == Kind::scope) subject.test = other.text;
    subject.id = u64{entry.handle} << 32 | entry.generation;
    return request.rules(subject);
}

policy::Ruling Reaping::ruling_of_running(const Entry& entry) {
    policy::Ruling ruling = ruling_of(entry);
    if (ruling != policy::Ruling::none || !request.rules.concern(entry.kind)) return ruling;
    char command[1024];
    long size = kernel.read_process(entry.number, "cmdline", command, sizeof command);
    Str now(command, size > 0 ? static_cast<size_t>(size) : 0);
    if (now.empty() || now == entry.text) return ruling;
    Entry running = entry;
    running.text = now;
    return ruling_of(running);
}

Suspect* Reaping::find_suspect(int pid) {
    const u32* index = by_pid.find(pid_key(pid));
    return index == nullptr ? nullptr : &suspects[*index];
}

bool Reaping::any(bool (*of_kind)(const Suspect&)) {
    for (const Suspect& suspect : suspects) {
        if (of_kind(suspect)) return true;
    }
    return false;
}

bool Reaping::read_header() {
    auto& copy = *reinterpret_cast<ledger::Header*>(buffers.header);
    if (ledger::read_header(source_, copy) != ledger::Verdict::ok) return false;
    new (buffers.looker) ledger::Walker(source_, copy);
    looking_ = true;
    return true;
}

ledger::Walker* Reaping::walk() {
    if (!read_header()) return nullptr;
    return new (buffers.walker) ledger::Walker(source_, *reinterpret_cast<ledger::Header*>(buffers.header));
}

bool Reaping::look(Handle handle, Entry& entry, bool fresh) {
    if ((fresh || !looking_) && !read_header()) return false;
    return reinterpret_cast<ledger::Walker*>(buffers.looker)->get(handle, entry);
}

LineReader::LineReader(Reaping& reaping, int pid, const char* name)
    : LineReader(reaping.kernel, pid, name, reaping.buffers.block, sizeof reaping.buffers.block) {}

LineReader::LineReader(Kernel& kernel, int pid, const char* name, char* block, size_t size)
    : kernel_(kernel), lines_(block, size) {
    Text<64> path;
    path.add("/proc/").add_decimal(static_cast<u64>(pid)).add('/').add(name);
    fd_ = kernel.open(AT_FDCWD, path.c_str(), O_RDONLY);
}

LineReader::~LineReader() {
    if (fd_ >= 0) kernel_.close(fd_);
}

bool LineReader::next(Str& line) {
    return lines_.next(line,
                       [this](char* to, size_t size) { return fd_ < 0 ? 0 : kernel_.read(fd_, to, size); });
}

bool NameReader::next(const char*& name, u8& type) {
    for (;;) {
        if (at_ >= filled_) {
            long got = kernel_.read_entries(fd_, block_, at_a_time_);
            if (got <= 0) {
                error_ = static_cast<int>(got);
                return false;
            }
            at_ = 0, filled_ = static_cast<size_t>(got);
        }
        const auto* entry = reinterpret_cast<const DirectoryEntry*>(block_ + at_);
        at_ += entry->size;
        name = entry->name;
        type = entry->type;
        if (Str(name) != "." && Str(name) != "..") return true;
    }
}

}  // namespace leakshim::reap
