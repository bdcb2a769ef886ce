// SPDX-License-Identifier: MIT
//
// The short ways to the records of descriptors, for the few hooks that a program calls a million times: all
// in line, nothing looked at twice. Each does the same as its long way in record.h, and leaves to it whatever
// is not as usual.
#pragma once

#include "record.h"

namespace leakshim::hooks {

/// All of a new record but its first word and its birth.
inline void fill_fd(ledger::Record& record, Handle process, int fd, u64 word) {
    record.owner = process;
    record.scope = current_scope();
    record.number.store(fd, std::memory_order_relaxed);
    record.site = 0;
    record.a = word;
    record.b = record.c = record.d = 0;
}

// What a hook seldom does is kept out of its way, and out of the registers that it saves: it ends with a jump
// there. But none of it is marked as cold: a program with thousands of descriptors comes here each time.

int note_fd_slowly(int fd, Kind kind, u8 flags, u64 word);  ///< returns `fd`, as the hook does
int note_dup_slowly(int original, int fd);                  ///< the same
void forget_fd_slowly(int fd);

/// Puts a record into an entry where one stands still, of what was closed behind our back. Returns `fd`.
int fill_over_stale(int fd, Handle handle);

/// Is a descriptor that this thread has just got to be noted the short way? Asked first, then the time, then
/// all the rest: so little need be kept in registers over a call.
inline bool notes_shortly() {
    return in_quick_thread(thread_state.lease) && thread_state.site == 0;
}

/// The rest of note_fd() where notes_shortly(). Returns `fd`.
[[gnu::always_inline]] inline int note_fd_born(u64 born, int fd, Kind kind, u8 flags, u64 word) {
    ledger::ThreadLease& lease = thread_state.lease;
    FdTable::Entry* entry = process_state.fds.entry(fd);
    if (entry == nullptr) [[unlikely]]
        return note_fd_slowly(fd, kind, flags, word);
    ledger::TakenLine taken = ledger::Ledger::take_line(lease, kind, flags);
    if (taken.record == nullptr) [[unlikely]]
        return note_fd_slowly(fd, kind, flags, word);
    fill_fd(*taken.record, lease.process, fd, word);
    taken.record->born = born;
    ledger::Ledger::publish(*taken.record, taken.word, ledger::State::live);
    if (!process_state.fds.fill(*entry, fd, taken.handle)) [[unlikely]]
        return fill_over_stale(fd, taken.handle);
    return fd;
}

/// note_fd(). Returns `fd`.
[[gnu::always_inline]] inline int note_fd_shortly(int fd, Kind kind, u8 flags = 0, u64 word = 0) {
    if (!notes_shortly()) [[unlikely]]
        return note_fd_slowly(fd, kind, flags, word);
    return note_fd_born(now(), fd, kind, flags, word);
}

/// forget_fd(). `alone`: this process has no other thread.
template <bool alone>
[[gnu::always_inline]] inline void forget_fd_shortly(int fd) {
    ledger::ThreadLease& lease = thread_state.lease;
    FdTable::Entry* entry = process_state.fds.entry(fd);
    if (!in_quick_thread(lease) || entry == nullptr) [[unlikely]]
        return forget_fd_slowly(fd);  // before our constructor also this begins the session
    Handle handle = entry->load(std::memory_order_acquire);
    if (handle == 0) return;
    if (!lease.is_idle_at(ledger::chunk_of(handle))) [[unlikely]]
        return forget_fd_slowly(fd);
    ledger::Record& record = ledger::Ledger::line_in(lease, handle);
    auto phase = the_header().phase.load(std::memory_order_relaxed);
    bool own = record.owner == lease.process && phase == static_cast<u32>(ledger::Phase::live);
    if (!own || !replace<alone>(*entry, handle, 0)) [[unlikely]]
        return forget_fd_slowly(fd);
    if (!ledger::Ledger::release_line<alone>(lease, handle, record)) [[unlikely]]
        release_fd(handle);
}

/// note_dup(), where the original is unknown or its record lies in this thread's own chunk and has no
/// address. Returns `copy`.
[[gnu::always_inline]] inline int note_dup_shortly(int fd, int copy) {
    const ledger::ThreadLease& lease = thread_state.lease;
    if (!notes_shortly() || copy <= STDERR_FILENO) [[unlikely]]
        return note_dup_slowly(fd, copy);
    u64 born = now();
    FdTable::Entry* entry = process_state.fds.entry(fd);
    Handle known = entry == nullptr ? 0 : entry->load(std::memory_order_acquire);
    NewFd made;
    if (known != 0) {
        if (!lease.is_idle_at(ledger::chunk_of(known))) [[unlikely]]
            return note_dup_slowly(fd, copy);
        const ledger::Record& from = ledger::Ledger::line_in(lease, known);
        if (!ledger::is_fd(from.kind) || (from.b | from.c) != 0) [[unlikely]]
            return note_dup_slowly(fd, copy);
        made = copy_of(from);
    }
    return note_fd_born(born, copy, made.kind, made.flags, made.word);
}

/// own_record().
[[gnu::always_inline]] inline ledger::Record* own_record_shortly(int fd) {
    const ledger::ThreadLease& lease = thread_state.lease;
    FdTable::Entry* entry = process_state.fds.entry(fd);
    if (!in_quick_thread(lease) || entry == nullptr) [[unlikely]]
        return own_record(fd);
    Handle known = entry->load(std::memory_order_acquire);
    if (known == 0) return nullptr;
    if (!lease.is_idle_at(ledger::chunk_of(known))) [[unlikely]]
        return own_record(fd);
    ledger::Record& record = ledger::Ledger::line_in(lease, known);
    return is_own(record, fd, lease.process) ? &record : nullptr;
}

}  // namespace leakshim::hooks
