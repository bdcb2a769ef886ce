// SPDX-License-Identifier: MIT
#include "record.h"

#include "sys.h"

namespace leakshim::hooks {

using ledger::Counter;
using ledger::Record;
using ledger::State;

namespace {

/// Takes back a record that the table gave up. Records of a parent, inherited by fork, are the parent's.
inline bool release_entry(Handle handle) {
    Record* record = the_ledger().mapped(handle);
    if (record->owner != the_session().self) return false;
    // Once the session ends its records are the reaper's: a port that a dying server closes was leaked all
    // the same.
    auto phase = the_header().phase.load(std::memory_order_relaxed);
    if (phase != static_cast<u32>(ledger::Phase::live)) return false;
    ledger::ThreadLease& lease = own_lease();
    return ledger::Ledger::release_line(lease, handle, *record) || the_ledger().release(lease, handle);
}

bool is_own(Record* record, int fd) {
    return record != nullptr && record->owner == the_session().self && ledger::is_fd(record->kind) &&
           record->number.load(std::memory_order_relaxed) == fd && ledger::state_of(*record) == State::live;
}

}  // namespace

namespace {

/// What a hook seldom does is kept out of its way, and out of the registers that it saves.
[[gnu::cold, gnu::noinline]] void drop_fd() {
    the_ledger().count(Counter::dropped_fd);
}

[[gnu::cold, gnu::noinline]] Handle take_line_slowly(ledger::ThreadLease& lease, Kind kind) {
    return the_ledger().allocate(lease, kind, 0);
}

[[gnu::cold, gnu::noinline]] void release_stale(Handle stale) {
    if (stale != kBeingRetired && release_entry(stale)) the_ledger().count(Counter::closed_behind);
}

}  // namespace

Handle note_fd(int fd, Kind kind, u8 flags, u64 word) {
    if (!FdTable::covers(fd)) [[unlikely]]
        return drop_fd(), 0;
    ledger::ThreadLease& lease = own_lease();
    Handle handle = 0;
    Record* record = ledger::Ledger::take_line(lease, handle);
    if (record == nullptr) [[unlikely]] {
        handle = take_line_slowly(lease, kind);
        if (handle != 0) record = the_ledger().mapped(handle);
    }
    if (record != nullptr) [[likely]] {
        record->kind = kind;
        record->flags.store(flags, std::memory_order_relaxed);
        record->outcome.store(ledger::Outcome::none, std::memory_order_relaxed);
        record->owner = lease.process;
        record->scope = current_scope();
        record->site = take_site(kind);
        record->number.store(fd, std::memory_order_relaxed);
        record->a = word;
        record->b = record->c = record->d = 0;
        record->born = now();
        ledger::Ledger::publish(*record, State::live);
    }
    Handle stale = process_state.fds.exchange(fd, handle);
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

void forget_fd(int fd) {
    Handle handle = process_state.fds.exchange(fd, 0);
    if (handle == kBeingRetired) [[unlikely]]
        wait_for_retirement();
    else if (handle != 0)
        release_entry(handle);
}

Record* own_record(int fd) {
    Record* record = the_ledger().at(process_state.fds.get(fd));
    return is_own(record, fd) ? record : nullptr;
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

void note_dup(int fd, int copy) {
    Record* from = the_ledger().at(process_state.fds.get(fd));
    bool known = from != nullptr && ledger::is_fd(from->kind) && from->kind != Kind::other_fd;
    // A shell saves a standard descriptor and puts it back: there is no more of it than there was.
    if (copy <= STDERR_FILENO && !known) return forget_fd(copy);
    if (from == nullptr || !ledger::is_fd(from->kind)) {
        // Nothing is known of a descriptor of the baseline; its copy is one more of the same.
        note_fd(copy, Kind::other_fd);
        return;
    }
    u8 flags = from->flags.load(std::memory_order_relaxed) & static_cast<u8>(~ledger::flag::kStdio);
    Handle handle = note_fd(copy, from->kind, flags, from->a);
    Record* record = the_ledger().at(handle);
    if (record == nullptr) return;
    record->b = from->b;
    record->c = from->c;
}

void forget_range(u32 first, u32 last) {
    process_state.fds.for_each(first, last, [](int fd, Handle) { forget_fd(fd); });
}

}  // namespace leakshim::hooks
