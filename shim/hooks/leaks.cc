// SPDX-License-Identifier: MIT
#include "leaks.h"

#include "births.h"
#include "proc.h"
#include "rulebook.h"
#include "rules.h"
#include "self.h"
#include "sys.h"

namespace leakshim::hooks {

using ledger::Record;
using ledger::State;
namespace flag = ledger::flag;

namespace {

// A cursor: the next descriptor, or kLedger plus the next handle.
constexpr u64 kLedger = u64{1} << 32;
constexpr u64 kEnd = ~u64{0};

bool is_counted(Kind kind) {
    return kind == Kind::process || kind == Kind::thread || ledger::is_persistent(kind);
}

}  // namespace

bool ScopeWalk::belongs(const Record& record) const {
    return scope_ == 0 || record.scope == scope_;
}

bool ScopeWalk::next_descriptor(Finding& finding) {
    while (cursor_ < kLedger) {
        int fd = process_state.fds.next(static_cast<u32>(cursor_));
        if (fd < 0) return false;
        cursor_ = static_cast<u64>(fd) + 1;
        Record* record = own_record(fd);
        if (record == nullptr || !belongs(*record)) continue;
        u32 word = record->state.load(std::memory_order_acquire);
        finding = {process_state.fds.get(fd), word, record, record->kind};
        return true;
    }
    return false;
}

/// Looks at the lines from `line` on. What is read may be freed and written anew meanwhile: a record counts
/// if its line is still in use and its state the same after it was looked at.
bool ScopeWalk::next_in_chunk(u32 chunk, u32& line, Finding& finding) {
    auto* header = static_cast<ledger::ChunkHeader*>(the_ledger().memory(u64{chunk} * ledger::kChunkSize));
    if (header == nullptr) return false;
    auto taken = [&] {
        return header->used.load(std::memory_order_acquire) & ~header->freed.load(std::memory_order_acquire);
    };
    while (line < ledger::kLinesPerChunk) {
        if ((taken() >> line & 1) == 0) {
            ++line;
            continue;
        }
        Handle handle = ledger::make_handle(chunk, line);
        Record* at = the_ledger().at(handle);
        if (at == nullptr) return false;
        Record& record = *at;
        u32 word = record.state.load(std::memory_order_acquire);
        u32 lines = std::atomic_ref<u8>(record.lines).load(std::memory_order_relaxed);
        Kind kind = record.kind;
        bool fits = belongs(record) && is_counted(kind) && ledger::state_of(word) != State::free;
        bool same = record.state.load(std::memory_order_acquire) == word && (taken() >> line & 1) != 0;
        line += lines == 0 || lines > ledger::kLinesPerChunk - line ? 1 : lines;
        if (!fits || !same) continue;
        finding = {handle, word, &record, kind};
        return true;
    }
    return false;
}

bool ScopeWalk::next_in_ledger(Finding& finding) {
    Record* scope = ledger::scope_at(the_ledger(), scope_);
    if (cursor_ == kEnd || (scope_ != 0 && scope == nullptr)) return false;
    u64 live = scope == nullptr ? kEnd : ledger::live_in(*scope).load(std::memory_order_acquire);
    const ledger::Header& header = the_header();
    u32 end = header.next_chunk.load(std::memory_order_acquire);
    auto at = static_cast<Handle>(cursor_ - kLedger);
    u32 chunk = ledger::chunk_of(at), line = ledger::line_of(at);
    if (chunk < ledger::kHeaderChunks) chunk = ledger::kHeaderChunks;
    if (line == 0) line = 1;  // behind the last line of a chunk comes the header of the next
    for (; chunk < end && seen_ < live; ++chunk, line = 1) {
        if (ledger::is_index_chunk(header, chunk) || !next_in_chunk(chunk, line, finding)) continue;
        cursor_ = kLedger + ledger::make_handle(chunk, 0) + line;
        State state = ledger::state_of(finding.word);
        // Those that an end of session has judged, and dead processes, are not in the scope's number.
        if (state == State::live || state == State::intent) ++seen_;
        return true;
    }
    cursor_ = kEnd;
    return false;
}

bool ScopeWalk::next(Finding& finding) {
    if (cursor_ < kLedger) {
        if (next_descriptor(finding)) return true;
        cursor_ = kLedger;
    }
    while (next_in_ledger(finding)) {
        if (ledger::state_of(finding.word) == State::live) return true;
    }
    return false;
}

bool is_that_process(const Record& record, const ProcessStat& stat) {
    if (record.a != 0)
        return session::pidfd_inode_of(record.number.load(std::memory_order_relaxed)) == record.a;
    return ledger::is_made_for(record, 0, stat.start);
}

bool process_lives(const Record& record) {
    ProcessStat stat;
    bool there = read_process_stat(record.number.load(std::memory_order_relaxed), stat);
    return there && !stat.dead() && is_that_process(record, stat);
}

namespace {

constexpr int kMaxAncestry = 64;

Handle parent_of(Handle process) {
    Record* record = the_ledger().at(process);
    if (record == nullptr || record->kind != Kind::process) return 0;
    return ledger::tail_of<ledger::ProcessTail>(*record)->parent;
}

/// Marked itself, or a descendant of one that is.
bool is_kept_process(Handle process) {
    for (int step = 0; process != 0 && step < kMaxAncestry; ++step, process = parent_of(process)) {
        Record* record = the_ledger().at(process);
        if (record == nullptr || record->kind != Kind::process) return false;
        if ((record->flags.load(std::memory_order_relaxed) & (flag::kWanted | flag::kKeep)) != 0) return true;
    }
    return false;
}

bool is_there(const Finding& finding) {
    Record& record = *finding.record;
    switch (finding.kind) {
        case Kind::process:
            return !is_self_or_ancestor(finding.handle) && process_lives(record);
        case Kind::thread:
            // Those of another process end with it, and it is what leaked.
            return record.owner == the_session().self;
        default:
            break;
    }
    if (ledger::is_fd(finding.kind)) {
        // The standard three are only ever put elsewhere, as runners do that capture output.
        int fd = record.number.load(std::memory_order_relaxed);
        return fd > 2 && sys::fcntl(fd, F_GETFD) >= 0;
    }
    if (!ledger::is_path(finding.kind)) return true;
    Str path = ledger::name_of(record);  // a NUL follows in the ledger
    return !path.empty() && file_id(AT_FDCWD, path.data()) == ledger::file_id_of(record);
}

/// `room` is for names that are no text of the ledger.
Str name_for_rules(const Finding& finding, TextBuffer& room) {
    Record& record = *finding.record;
    if (finding.kind == Kind::thread) {
        char name[17] = {};
        __builtin_memcpy(name, &record.c, 8);
        __builtin_memcpy(name + 8, &record.d, 8);
        return room.add(Str(name)).str();
    }
    if (finding.kind == Kind::socket) rules::port_name(record.a, room);
    if (!room.str().empty() || (ledger::is_fd(finding.kind) && record.lines <= 1)) return room.str();
    return ledger::name_of(record);
}

/// By none of them as long as they are not there.
bool spared_by_rules(const Finding& finding) {
    const session::Rulebook* book = session::rules_in_force(the_session());
    if (book == nullptr) return false;
    Record& record = *finding.record;
    policy::Subject subject;
    subject.kind = finding.kind;
    subject.listening = finding.kind == Kind::socket && (record.a >> 32) != 0;
    Text<32> name;
    subject.name = name_for_rules(finding, name);
    subject.id = u64{finding.handle} << 32 | finding.word >> 8;
    Record* owner = the_ledger().at(record.owner);
    if (owner != nullptr && owner->kind == Kind::process) {
        auto* tail = ledger::tail_of<ledger::ProcessTail>(*owner);
        u32 size = tail->command_size;
        subject.command = Str(tail->command, size <= ledger::kMaxCommand ? size : 0);
    }
    Record* scope = ledger::scope_at(the_ledger(), record.scope);
    if (scope != nullptr) subject.test = ledger::name_of(*scope);
    return book->rules(subject) != policy::Ruling::none;
}

}  // namespace

bool is_self_or_ancestor(Handle process) {
    Handle self = the_session().self;
    for (int step = 0; self != 0 && step < kMaxAncestry; ++step, self = parent_of(self)) {
        if (self == process) return true;
    }
    return false;
}

bool is_leak(const Finding& finding) {
    if ((finding.record->flags.load(std::memory_order_relaxed) & flag::kWanted) != 0) return false;
    if (finding.kind == Kind::process && is_kept_process(finding.handle)) return false;
    return is_there(finding) && !spared_by_rules(finding);
}

namespace {

/// Processes that were started and have not registered; some never will (static programs).
i32 missing_arrivals() {
    const ledger::Header& header = the_header();
    u32 births = header.births.load(std::memory_order_acquire);
    i32 missing = static_cast<i32>(births - header.arrivals.load(std::memory_order_acquire));
    return missing - process_state.never_came.load(std::memory_order_relaxed);
}

/// As many as were missing when they were last waited for in vain: they are not waited for again.
std::atomic<i32> given_up;

}  // namespace

void wait_for_arrivals(u64 limit) {
    constexpr u64 kLongestPause = 2 * kMillisecond;
    u64 start = 0, pause = kMillisecond / 20;
    for (;;) {
        i32 missing = missing_arrivals();
        if (missing <= given_up.load(std::memory_order_relaxed)) {
            given_up.store(missing, std::memory_order_relaxed);
            return;
        }
        u64 now = sys::boottime();
        if (start == 0) start = now;
        if (now - start >= limit) {
            given_up.store(missing, std::memory_order_relaxed);
            return;
        }
        sys::sleep(pause);
        if (pause < kLongestPause) pause *= 2;
    }
}

void know_own_children() {
    if (missing_arrivals() == 0) return;
    Text<64> path;
    path.add("/proc/self/task/").add_decimal(static_cast<u64>(sys::gettid())).add("/children");
    char list[1024];  // of more children those that were started first
    for_each_child(path.c_str(), list, sizeof list, know_child);
}

}  // namespace leakshim::hooks
