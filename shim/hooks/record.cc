// SPDX-License-Identifier: MIT
#include "record.h"

#include "sys.h"

namespace leakshim::hooks {

using ledger::Counter;
using ledger::Record;
using ledger::State;

namespace {

/// Takes back a record that the table gave up. Records of a parent, inherited by fork, are the parent's.
bool release_entry(Handle handle) {
    Record* record = the_ledger().mapped(handle);
    if (record->owner != the_session().self) return false;
    // Once the session ends its records are the reaper's: a port that a dying server closes was leaked all
    // the same.
    auto phase = the_header().phase.load(std::memory_order_relaxed);
    if (phase != static_cast<u32>(ledger::Phase::live)) return false;
    ledger::ThreadLease& lease = own_lease();
    return ledger::Ledger::release_line(lease, handle, *record) || the_ledger().release(lease, handle);
}

bool is_own(const Record& record, int fd) {
    return record.owner == the_session().self && ledger::is_fd(record.kind) &&
           record.number.load(std::memory_order_relaxed) == fd && ledger::state_of(record) == State::live;
}

}  // namespace

namespace {

/// What a hook seldom does is kept out of its way, and out of the registers that it saves.
[[gnu::cold, gnu::noinline]] void release_stale(Handle stale) {
    if (stale != kBeingRetired && release_entry(stale)) the_ledger().count(Counter::closed_behind);
}

/// All of a new record but its birth and its state.
inline void fill_fd(Record& record, Handle process, int fd, Kind kind, u8 flags, u64 word) {
    record.kind = kind;
    record.flags.store(flags, std::memory_order_relaxed);
    record.outcome.store(ledger::Outcome::none, std::memory_order_relaxed);
    record.owner = process;
    record.scope = current_scope();
    record.number.store(fd, std::memory_order_relaxed);
    record.a = word;
    record.b = record.c = record.d = 0;
}

[[gnu::cold, gnu::noinline]] Handle note_fd_slowly(int fd, Kind kind, u8 flags, u64 word) {
    if (!recording()) return 0;
    if (!FdTable::covers(fd)) {
        the_ledger().count(Counter::dropped_fd);
        return 0;
    }
    ledger::ThreadLease& lease = own_lease();
    Handle handle = 0;
    Record* record = ledger::Ledger::take_line(lease, handle);
    if (record == nullptr) record = the_ledger().at(handle = the_ledger().allocate(lease, kind, 0));
    if (record != nullptr) {
        fill_fd(*record, lease.process, fd, kind, flags, word);
        record->site = take_site(kind);
        record->born = now();
        ledger::Ledger::publish(*record, State::live);
    }
    Handle stale = process_state.fds.exchange(fd, handle);
    if (stale != 0) release_stale(stale);
    return handle;
}

}  // namespace

Handle note_fd(int fd, Kind kind, u8 flags, u64 word) {
    ledger::ThreadLease& lease = thread_state.lease;
    Handle handle = 0;
    Record* record = nullptr;
    if (in_quick_thread(lease) && FdTable::is_near(fd) && thread_state.site == 0) [[likely]]
        record = ledger::Ledger::take_line(lease, handle);
    if (record == nullptr) [[unlikely]]
        return note_fd_slowly(fd, kind, flags, word);
    fill_fd(*record, lease.process, fd, kind, flags, word);
    record->site = 0;
    record->born = now();
    ledger::Ledger::publish(*record, State::live);
    Handle stale = process_state.fds.put_near(fd, handle);
    if (stale != 0) [[unlikely]]
        release_stale(stale);
    return handle;
}

Handle take_fd(int fd) {
    Handle handle = process_state.fds.exchange(fd, 0);
    if (handle != kBeingRetired) return handle;
    wait_for_retirement();
    return 0;
}

void release_fd(Handle handle) {
    release_entry(handle);
}

void forget_fd_slowly(int fd) {
    if (!recording()) return;
    Handle handle = process_state.fds.exchange(fd, 0);
    if (handle == kBeingRetired)
        wait_for_retirement();
    else if (handle != 0)
        release_entry(handle);
}

Record* own_record(int fd) {
    Handle handle = process_state.fds.get(fd);
    if (handle == 0 || handle == kBeingRetired) return nullptr;
    Record* record = the_ledger().mapped(handle);
    return is_own(*record, fd) ? record : nullptr;
}

Record* own_record_or_new(int fd, Kind kind) {
    Record* record = own_record(fd);
    return record != nullptr ? record : the_ledger().at(note_fd(fd, kind));
}

Kind kind_of_fd(int fd) {
    struct statx st {};
    if (sys::statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &st) < 0) return Kind::other_fd;
    switch (st.stx_mode & S_IFMT) {
        case S_IFREG:
        case S_IFDIR:
            return Kind::file;
        case S_IFIFO:
            return Kind::pipe;
        case S_IFSOCK:
            return Kind::socket;
        default:
            return Kind::other_fd;
    }
}

namespace {

/// Nothing is known of a descriptor of the baseline; its copy is one more of the same. But a shell saves a
/// standard descriptor and puts it back: there is no more of it than there was.
void note_dup_of_unknown(int copy) {
    if (copy <= STDERR_FILENO)
        forget_fd(copy);
    else
        note_fd(copy, Kind::other_fd);
}

[[gnu::noinline]] void note_dup_of(Record& from, int copy) {
    if (!ledger::is_fd(from.kind) || (from.kind == Kind::other_fd && copy <= STDERR_FILENO))
        return note_dup_of_unknown(copy);
    u8 flags = from.flags.load(std::memory_order_relaxed) & static_cast<u8>(~ledger::flag::kStdio);
    Handle handle = note_fd(copy, from.kind, flags, from.a);
    Record* record = the_ledger().at(handle);
    if (record == nullptr) return;
    record->b = from.b;
    record->c = from.c;
}

}  // namespace

void note_dup(int fd, int copy) {
    Handle known = process_state.fds.get(fd);
    if (known == 0) return note_dup_of_unknown(copy);
    if (!recording()) return;
    Record* from = the_ledger().at(known);
    if (from != nullptr)
        note_dup_of(*from, copy);
    else
        note_dup_of_unknown(copy);
}

void forget_range(u32 first, u32 last) {
    process_state.fds.for_each(first, last, [](int fd, Handle) { forget_fd(fd); });
}

}  // namespace leakshim::hooks
