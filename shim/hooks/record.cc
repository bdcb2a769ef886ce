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
    Record* record = the_ledger().at(handle);
    if (record == nullptr || record->owner != the_session().self) return false;
    // Once the session ends its records are the reaper's: a port that a dying server closes was leaked all
    // the same.
    auto phase = the_header().phase.load(std::memory_order_relaxed);
    if (phase != static_cast<u32>(ledger::Phase::live)) return false;
    return the_ledger().release(own_lease(), handle);
}

bool is_own(Record* record, int fd) {
    return record != nullptr && record->owner == the_session().self && ledger::is_fd(record->kind) &&
           record->number.load(std::memory_order_relaxed) == fd && ledger::state_of(*record) == State::live;
}

}  // namespace

Handle note_fd(int fd, Kind kind, u8 flags, u64 word) {
    ledger::Ledger& ledger = the_ledger();
    if (!FdTable::covers(fd)) {
        ledger.count(Counter::dropped_fd);
        return 0;
    }
    Handle handle = ledger.allocate(own_lease(), kind, 0);
    if (handle != 0) {
        Record& record = *ledger.at(handle);
        record.owner = the_session().self;
        record.scope = current_scope();
        record.site = take_site(kind);
        record.born = now();
        record.number.store(fd, std::memory_order_relaxed);
        record.flags.store(flags, std::memory_order_relaxed);
        record.a = word;
        ledger.publish(record, State::live);
    }
    Handle stale = process_state.fds.exchange(fd, handle);
    if (stale != 0) [[unlikely]] {
        if (release_entry(stale)) ledger.count(Counter::closed_behind);
    }
    return handle;
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
