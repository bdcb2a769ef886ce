// SPDX-License-Identifier: MIT
#include "records.h"

#include "making.h"

namespace leakshim::ledger {

namespace {

// Name spaces of the index.
constexpr u64 kPathSpace = 1;
constexpr u64 kProcessSpace = 2;
constexpr u64 kScopeSpace = 3;
constexpr u64 kSiteSpace = 4;
constexpr u64 kModuleSpace = 5;
constexpr u64 kStackSpace = u64{6} << 32;  // and the site
constexpr u64 kRuleSpace = u64{7} << 32;   // and the line

u64 name_space(Kind kind) {
    return is_path(kind) ? kPathSpace : 0x100 + static_cast<u64>(kind);
}
u64 sysv_key(Kind kind, int id) {
    return hash_pair(static_cast<u32>(id), 0x100 + static_cast<u64>(kind));
}

}  // namespace

u64 name_key(Kind kind, Str name) {
    return hash_pair(hash_text(name), name_space(kind));
}

u64 process_key(int pid) {
    return hash_pair(static_cast<u32>(pid), kProcessSpace);
}

bool release_record(const Author& author, Handle handle, u32 generation) {
    ThreadLease none;
    bool near = chunk_of(handle) == author.lease.chunk;
    return author.ledger.release(near ? author.lease : none, handle, generation);
}

Handle fill(const Author& author, Kind kind, u32 tail_bytes) {
    Handle handle = author.ledger.allocate(author.lease, kind, tail_bytes);
    if (handle == 0) return 0;
    Record* record = author.ledger.at(handle);
    record->owner = author.process;
    record->scope = author.scope;
    record->site = author.site;
    record->born = author.now;
    return handle;
}

namespace {

u64 key_of(Record& record) {
    Kind kind = record.kind;
    if (is_sysv_ipc(kind)) return sysv_key(kind, record.number.load(std::memory_order_relaxed));
    if (kind == Kind::process) return process_key(record.number.load(std::memory_order_relaxed));
    return name_key(kind, name_of(record));
}

ProcessTail* process_tail(Ledger& ledger, Handle process) {
    return ledger.process_tail(process);
}

void count_persistent(const Author& author, Handle process, int by) {
    ProcessTail* tail = process_tail(author.ledger, process);
    if (tail == nullptr) return;
    Record* record = author.ledger.at(process);
    u32 generation = generation_of(*record);
    int left = tail->persistent.fetch_add(by, std::memory_order_seq_cst) + by;
    if (left > 0) return;
    // Of this look and the one in end_process() at least one sees both; the generation lets only one act.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (state_of(*record) == State::ended) release_record(author, process, generation);
}

Handle fill_text(const Author& author, Kind kind, Str text) {
    if (text.size() > kMaxText) {
        author.ledger.count(Counter::dropped_name);
        return 0;
    }
    Handle handle = fill(author, kind, kTextTailFixed + static_cast<u32>(text.size()) + 1);
    if (handle == 0) return 0;
    auto* tail = tail_of<TextTail>(*author.ledger.at(handle));
    tail->size = static_cast<u16>(text.size());
    __builtin_memcpy(tail->text, text.data(), text.size());
    tail->text[text.size()] = '\0';
    return handle;
}

}  // namespace

Str name_of(Record& record) {
    // Where the index led to a record that was freed meanwhile, all this may be somebody's text and change
    // under us: each field is read once, and nothing beyond the chunk is believed. Chunks are pages in every
    // mapping.
    u8 lines = std::atomic_ref<u8>(record.lines).load(std::memory_order_relaxed);
    u64 line = reinterpret_cast<u64>(&record) % kChunkSize / kLineSize;
    if (!has_text(record.kind) || lines < 2 || lines > kLinesPerChunk - line) return {};
    auto* tail = tail_of<TextTail>(record);
    u32 room = (lines - 1U) * static_cast<u32>(kLineSize) - kTextTailFixed;
    u16 size = std::atomic_ref<u16>(tail->size).load(std::memory_order_relaxed);
    return size > room ? Str{} : Str(tail->text, size);
}

FileId file_id_of(const Record& record) {
    return {record.a, record.b, record.c, record.d};
}

Handle begin_named(const Author& author, Kind kind, Str name, u8 flags) {
    Handle handle = fill_text(author, kind, name);
    if (handle == 0) return 0;
    Record* record = author.ledger.at(handle);
    record->flags.store(flags, std::memory_order_relaxed);
    count_persistent(author, author.process, 1);
    count_in_scope(author.ledger, author.scope, 1);
    author.ledger.publish(*record, State::intent);
    return handle;
}

namespace {

/// Where the bit of a last part is.
struct LastPartBit {
    u32 word;
    u64 mask;

    explicit LastPartBit(Str last_part) {
        u64 hash = hash_text(last_part);
        word = static_cast<u32>(hash >> 32) % kLastPartWords;
        mask = u64{1} << (hash >> 58);
    }
};

/// What may_be_recorded() asks for, before the record can be found. True for a path with a last part that
/// none ever had: there is no other record of it.
bool note_last_part(Header& header, Record& record) {
    if (!is_path(record.kind)) return false;
    Str name = name_of(record);
    name.remove_prefix(name.rfind('/') + 1);  // npos + 1 is 0
    LastPartBit bit(name);
    std::atomic<u64>& word = header.last_parts[bit.word];
    if ((word.load(std::memory_order_relaxed) & bit.mask) != 0) return false;
    return (word.fetch_or(bit.mask, std::memory_order_acq_rel) & bit.mask) == 0;
}

/// `key`: that of the record's name. Answers how many were recorded before.
u64 commit_under(const Author& author, u64 key, Handle handle, Record& record, const FileId& id) {
    record.a = id.dev;
    record.b = id.ino;
    record.c = id.birth;
    record.d = id.handle;
    if (!author.ledger.move(record, State::intent, State::live)) return ~u64{0};
    author.ledger.index_insert(key, handle);
    // Last: who has found nothing in the index may rely on that for as long as the number stays.
    auto& records = author.ledger.header()->counters[static_cast<u32>(Counter::records)];
    return records.fetch_add(1, std::memory_order_acq_rel);
}

}  // namespace

void commit_named(const Author& author, Handle handle, const FileId& id) {
    Record* record = author.ledger.at(handle);
    if (record == nullptr) return;
    note_last_part(*author.ledger.header(), *record);
    commit_under(author, key_of(*record), handle, *record, id);
}

u64 commit_new(const Author& author, Handle handle, const FileId& id) {
    Record* record = author.ledger.at(handle);
    if (record == nullptr) return ~u64{0};
    u64 key = key_of(*record);
    if (!note_last_part(*author.ledger.header(), *record)) {
        u32 word = 0;
        Handle stale = find_named(author.ledger, key, record->kind, name_of(*record), word);
        if (stale != 0) release_named(author, stale, key, generation_of(word));
    }
    return commit_under(author, key, handle, *record, id);
}

Handle find_named(Ledger& ledger, u64 key, Kind kind, Str name, u32& word) {
    return ledger.index_find(key, [&](Handle, Record& record) {
        word = record.state.load(std::memory_order_acquire);
        bool same_space = name_space(record.kind) == name_space(kind);
        return same_space && state_of(word) == State::live && name_of(record) == name;
    });
}

bool may_be_recorded(const Header& header, Str last_part) {
    LastPartBit bit(last_part);
    return (header.last_parts[bit.word].load(std::memory_order_acquire) & bit.mask) != 0;
}

Handle find_named(Ledger& ledger, Kind kind, Str name) {
    u32 word = 0;
    return find_named(ledger, name_key(kind, name), kind, name, word);
}

void release_named(const Author& author, Handle handle, u64 key, u32 generation) {
    Record* record = author.ledger.at(handle);
    if (record == nullptr) return;
    Handle owner = record->owner, scope = record->scope;
    if (!author.ledger.release_indexed(author.lease, handle, key, generation)) return;
    count_persistent(author, owner, -1);
    count_in_scope(author.ledger, scope, -1);
}

void release_persistent(const Author& author, Handle handle, u32 generation) {
    Record* record = author.ledger.at(handle);
    if (record == nullptr) return;
    u32 word = record->state.load(std::memory_order_acquire);
    if (generation == kAnyGeneration) generation = generation_of(word);
    if (state_of(word) == State::free || generation_of(word) != generation) return;
    release_named(author, handle, key_of(*record), generation);
}

Handle begin_rename(const Author& author, Handle handle, Str new_name) {
    Record* old = author.ledger.at(handle);
    if (old == nullptr || state_of(*old) == State::free) return 0;
    Author as_before{author.ledger, author.lease, old->owner, old->scope, old->site, old->born};
    u8 flags = old->flags.load(std::memory_order_relaxed);
    return begin_named(as_before, old->kind, new_name, flags);
}

void commit_rename(const Author& author, Handle handle, Handle renamed) {
    Record* old = author.ledger.at(handle);
    if (old == nullptr) return;
    u32 generation = generation_of(*old);
    commit_named(author, renamed, file_id_of(*old));
    release_persistent(author, handle, generation);
}

void add_member(Header& header, u32 uid) {
    for (std::atomic<u32>& member : header.member_uids) {
        u32 nobody = 0;
        if (member.compare_exchange_strong(nobody, uid, std::memory_order_relaxed) || nobody == uid) return;
    }
}

bool is_member(const Header& header, u32 uid) {
    if (uid == header.uid) return true;
    if (uid == 0 || header.uid != 0) return false;
    for (const std::atomic<u32>& member : header.member_uids) {
        if (member.load(std::memory_order_relaxed) == uid) return true;
    }
    return false;
}

Handle begin_sysv(const Author& author, Kind kind, u64 key) {
    Handle handle = fill(author, kind, 0);
    if (handle == 0) return 0;
    Record* record = author.ledger.at(handle);
    record->number.store(kNoIpcId, std::memory_order_relaxed);
    record->a = key;
    record->b = record->c = record->d = 0;
    count_persistent(author, author.process, 1);
    count_in_scope(author.ledger, author.scope, 1);
    author.ledger.publish(*record, State::intent);
    return handle;
}

void commit_sysv(const Author& author, Handle handle, int id, u64 created, u64 creator) {
    Record* record = author.ledger.at(handle);
    if (record == nullptr) return;
    record->number.store(id, std::memory_order_relaxed);
    record->b = created;
    record->c = creator;
    if (!author.ledger.move(*record, State::intent, State::live)) return;
    author.ledger.count(Counter::records);
    author.ledger.index_insert(sysv_key(record->kind, id), handle);
}

Handle add_sysv(const Author& author, Kind kind, int id, u64 key, u64 created, u64 creator) {
    Handle handle = begin_sysv(author, kind, key);
    if (handle != 0) commit_sysv(author, handle, id, created, creator);
    return handle;
}

Handle find_sysv(Ledger& ledger, Kind kind, int id) {
    return ledger.index_find(sysv_key(kind, id), [&](Handle, Record& record) {
        return record.kind == kind && state_of(record) == State::live &&
               record.number.load(std::memory_order_relaxed) == id;
    });
}

namespace {

/// The first text under `key` that is `name`, that has exactly the flags `flags`, and that `wanted` agrees
/// with.
template <typename Wanted>
Handle find_text(const Author& author, u64 key, Str name, u8 flags, Wanted wanted) {
    return author.ledger.index_find(key, [&](Handle, Record& record) {
        return record.kind == Kind::scope && state_of(record) == State::live &&
               record.flags.load(std::memory_order_relaxed) == flags && name_of(record) == name &&
               wanted(record);
    });
}

Handle add_text(const Author& author, u64 key, Str name, u8 flags, bool busy, Handle outside) {
    Handle handle = fill_text(author, Kind::scope, name);
    if (handle == 0) return 0;
    Record* record = author.ledger.at(handle);
    record->flags.store(flags, std::memory_order_relaxed);
    record->a = key;
    record->c = outside;
    record->d = busy ? 1 : 0;
    author.ledger.publish(*record, State::live);
    author.ledger.index_insert(key, handle);
    return handle;
}

Str cut_name(Str name) {
    return name.size() > kMaxText ? Str(name.data(), kMaxText) : name;
}

u64 scope_key(Str name) {
    return hash_pair(hash_text(name), kScopeSpace);
}

}  // namespace

Handle intern_scope(const Author& author, Str name) {
    name = cut_name(name);
    u64 key = scope_key(name);
    Handle known = find_text(author, key, name, 0, [](Record&) { return true; });
    return known != 0 ? known : add_text(author, key, name, 0, false, 0);
}

Handle begin_scope(const Author& author, Str name, Handle outside) {
    name = cut_name(name);
    u64 key = scope_key(name);
    Handle idle = find_text(author, key, name, 0, [](Record& scope) {
        u64 nobody = 0;
        return live_in(scope).load(std::memory_order_acquire) == 0 &&
               std::atomic_ref<u64>(scope.d).compare_exchange_strong(nobody, 1, std::memory_order_acq_rel);
    });
    if (idle == 0) return add_text(author, key, name, 0, true, outside);
    std::atomic_ref<u64>(author.ledger.at(idle)->c).store(outside, std::memory_order_relaxed);
    return idle;
}

void end_scope(Ledger& ledger, Handle scope, bool spent) {
    Record* record = scope_at(ledger, scope);
    if (record == nullptr) return;
    // A spent one stays as the name of what was made in it, but is not found by that name any more.
    if (spent) ledger.index_remove(record->a, scope);
    std::atomic_ref<u64>(record->d).store(0, std::memory_order_release);
}

Record* scope_at(Ledger& ledger, Handle scope) {
    Record* record = ledger.at(scope);
    bool is_scope = record != nullptr && record->kind == Kind::scope && state_of(*record) == State::live &&
                    (record->flags.load(std::memory_order_relaxed) & flag::kNoScope) == 0;
    return is_scope ? record : nullptr;
}

void count_in_scope(Ledger& ledger, Handle scope, int by) {
    if (scope == 0) return;
    Record* record = scope_at(ledger, scope);
    if (record != nullptr) live_in(*record).fetch_add(static_cast<u64>(by), std::memory_order_acq_rel);
}

Handle intern_site(const Author& author, Str site) {
    site = cut_name(site);
    u64 key = hash_pair(hash_text(site), kSiteSpace);
    Handle known = find_text(author, key, site, flag::kSite, [](Record&) { return true; });
    return known != 0 ? known : add_text(author, key, site, flag::kSite, false, 0);
}

Handle intern_module(const Author& author, Str module) {
    module = cut_name(module);
    u64 key = hash_pair(hash_text(module), kModuleSpace);
    Handle known = find_text(author, key, module, flag::kModule, [](Record&) { return true; });
    return known != 0 ? known : add_text(author, key, module, flag::kModule, false, 0);
}

Handle intern_stack(const Author& author, Str frames, Handle site) {
    u64 key = hash_pair(hash_text(frames), kStackSpace + site);
    Handle known =
        find_text(author, key, frames, flag::kStack, [&](Record& stack) { return stack.c == site; });
    return known != 0 ? known : add_text(author, key, frames, flag::kStack, false, site);
}

void note_rule(const Author& author, const RuleTally& rule) {
    char memory[2048];  // what nobody writes by hand is cut
    TextBuffer text(memory, sizeof memory);
    text.add(rule.text).add('\n').add(rule.reason);
    u64 key = hash_pair(hash_text(text.str()), kRuleSpace + rule.line);
    auto line = static_cast<i32>(rule.line);
    Handle handle = find_text(author, key, text.str(), flag::kRule, [&](Record& known) {
        return known.number.load(std::memory_order_relaxed) == line;
    });
    if (handle == 0) handle = add_text(author, key, text.str(), flag::kRule, false, 0);
    Record* record = author.ledger.at(handle);
    if (handle == 0 || record == nullptr) return;
    record->number.store(line, std::memory_order_relaxed);
    std::atomic_ref<u64>(record->b).store(rule.hits, std::memory_order_relaxed);
    std::atomic_ref<u64>(record->c).store(rule.missed, std::memory_order_relaxed);
    u64 word = u64{rule.flags} << 32 | rule.until;
    std::atomic_ref<u64>(record->d).store(word, std::memory_order_relaxed);
    std::atomic_ref<u64>(record->born).store(author.now, std::memory_order_relaxed);
}

u64 thread_key(Handle process, u64 pthread) {
    return hash_pair(pthread, process);
}

}  // namespace leakshim::ledger
