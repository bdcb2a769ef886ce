// SPDX-License-Identifier: MIT
#include "short_way.h"
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

}  // namespace

int fill_over_stale(int fd, Handle handle) {
    Handle stale = process_state.fds.exchange(fd, handle);
    if (stale != 0 && stale != kBeingRetired && release_entry(stale))
        the_ledger().count(Counter::closed_behind);
    return fd;
}

int note_fd_slowly(int fd, Kind kind, u8 flags, u64 word) {
    if (!recording()) return fd;
    if (!FdTable::covers(fd)) {
        the_ledger().count(Counter::dropped_fd);
        return fd;
    }
    ledger::ThreadLease& lease = own_lease();
    ledger::TakenLine taken = ledger::Ledger::take_line(lease, kind, flags);
    Record* record = taken.record;
    Handle handle = taken.handle;
    if (record == nullptr) {
        handle = the_ledger().allocate(lease, kind, 0);
        record = the_ledger().at(handle);
        if (record != nullptr) record->flags.store(flags, std::memory_order_relaxed);
    }
    if (record != nullptr) {
        fill_fd(*record, lease.process, fd, word);
        record->site = take_site(kind);
        record->born = now();
        ledger::Ledger::publish(*record, State::live);
    }
    return fill_over_stale(fd, handle);
}

void note_fd(int fd, Kind kind, u8 flags, u64 word) {
    note_fd_shortly(fd, kind, flags, word);
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
    forget_fd_shortly<false>(fd);
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
    return is_own(*record, fd, the_session().self) ? record : nullptr;
}

Record* own_record_or_new(int fd, Kind kind) {
    Record* record = own_record(fd);
    if (record != nullptr) return record;
    note_fd(fd, kind);
    return own_record(fd);
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

void note_dup_of(Record& from, int copy) {
    if (!ledger::is_fd(from.kind) || (from.kind == Kind::other_fd && copy <= STDERR_FILENO))
        return note_dup_of_unknown(copy);
    NewFd made = copy_of(from);
    note_fd(copy, made.kind, made.flags, made.word);
    Record* record = own_record(copy);
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

int note_dup_slowly(int original, int fd) {
    note_dup(original, fd);
    return fd;
}

void forget_range(u32 first, u32 last) {
    process_state.fds.for_each(first, last, [](int fd, Handle) { forget_fd(fd); });
}

}  // namespace leakshim::hooks
