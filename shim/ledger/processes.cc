// SPDX-License-Identifier: MIT
//
// Records of processes, those of forks that are under way among them.
#include "making.h"
#include "proc.h"

namespace leakshim::ledger {

u32 next_image(Ledger& ledger) {
    return (ledger.header()->images.fetch_add(1, std::memory_order_relaxed) + 1) & 0xffffff;
}

namespace {

/// Of a command line that a program has overwritten with a title, as setproctitle does, the title: the rest
/// of it is NULs. One empty argument at the end may be somebody's.
Str without_padding(Str command) {
    size_t size = command.size();
    while (size > 0 && command[size - 1] == '\0')
        --size;
    return command.size() - size > 2 ? Str(command.data(), size + 1) : command;
}

u32 copy_command(char* to, u32 room, Str command) {
    command = without_padding(command);
    u32 size = command.size() < room ? static_cast<u32>(command.size()) : room;
    __builtin_memcpy(to, command.data(), size);
    to[size] = '\0';
    return size;
}

/// A process's record, not published.
Handle fill_process(const Author& author, const NewProcess& process, i32 status) {
    u32 size = process.command.size() < kMaxCommand ? static_cast<u32>(process.command.size()) : kMaxCommand;
    // Room for a longer command line than the one before an exec: most programs are started by fork and exec.
    constexpr u32 kUsualCommand = 256;
    u32 room = size < kUsualCommand ? kUsualCommand : size;
    Handle handle = fill(author, Kind::process, kProcessTailFixed + room + 1);
    if (handle == 0) return 0;
    Record* record = author.ledger.at(handle);
    record->owner = handle;
    record->flags.store(process.flags, std::memory_order_relaxed);
    record->number.store(process.pid, std::memory_order_relaxed);
    record->a = process.pidfd_inode;
    record->b = process.start;
    auto* tail = tail_of<ProcessTail>(*record);
    tail->parent = process.parent;
    tail->scope.store(author.scope, std::memory_order_relaxed);
    tail->persistent.store(0, std::memory_order_relaxed);
    tail->image.store(next_image(author.ledger), std::memory_order_relaxed);
    tail->uid = process.uid;
    tail->ppid = process.ppid;
    tail->exit_status.store(status, std::memory_order_relaxed);
    tail->command_size = copy_command(tail->command, room, process.command);
    count_in_scope(author.ledger, author.scope, 1);
    return handle;
}

}  // namespace

Handle add_process(const Author& author, const NewProcess& process) {
    Handle handle = fill_process(author, process, kNoStatus);
    if (handle == 0) return 0;
    author.ledger.publish(*author.ledger.at(handle), State::live);
    author.ledger.index_insert(process_key(process.pid), handle);
    return handle;
}

Handle begin_fork(const Author& author, const NewProcess& process) {
    Handle handle = fill_process(author, process, kUnclaimed);
    if (handle != 0) author.ledger.publish(*author.ledger.at(handle), State::intent);
    return handle;
}

int claimed_pid(Record& record) {
    if (record.kind != Kind::process || state_of(record) != State::intent) return 0;
    i32 pid = tail_of<ProcessTail>(record)->exit_status.load(std::memory_order_relaxed);
    return pid > 0 ? pid : 0;
}

void count_arrival(Ledger& ledger, int by) {
    ledger.header()->arrivals.fetch_add(static_cast<u32>(by), std::memory_order_relaxed);
    ledger.count(Counter::processes, static_cast<u64>(static_cast<i64>(by)));
}

void commit_fork(const Author& author, Handle handle, int pid, u64 inode, u64 start) {
    Record* record = author.ledger.at(handle);
    if (record == nullptr || record->kind != Kind::process || state_of(*record) != State::intent) return;
    record->number.store(pid, std::memory_order_relaxed);
    record->born = author.now;
    // Others, if any, find the same.
    if (inode != 0) record->a = inode;
    if (start != 0) record->b = start;
    if (!author.ledger.move(*record, State::intent, State::live)) return;
    tail_of<ProcessTail>(*record)->exit_status.store(kNoStatus, std::memory_order_relaxed);
    author.ledger.index_insert(process_key(pid), handle);
    count_arrival(author.ledger);
}

bool abandon_fork(const Author& author, Handle handle) {
    Record* record = author.ledger.at(handle);
    if (record == nullptr || !author.ledger.move(*record, State::intent, State::ended)) return false;
    count_in_scope(author.ledger, record->scope, -1);
    release_record(author, handle, generation_of(*record));
    return true;
}

Handle find_process(Ledger& ledger, int pid) {
    return ledger.index_find(process_key(pid), [&](Handle, Record& record) {
        return record.kind == Kind::process && state_of(record) == State::live &&
               record.number.load(std::memory_order_relaxed) == pid;
    });
}

bool end_process(const Author& author, Handle process, int status, u32 generation) {
    ProcessTail* tail = author.ledger.process_tail(process);
    if (tail == nullptr) return false;
    Record* record = author.ledger.at(process);
    u32 word = record->state.load(std::memory_order_acquire);
    if (state_of(word) != State::live) return false;
    if (generation != kAnyGeneration && generation != generation_of(word)) return false;
    if ((record->flags.load(std::memory_order_acquire) & flag::kLeaked) != 0) return false;
    generation = generation_of(word);
    u64 key = process_key(record->number.load(std::memory_order_relaxed));
    tail->exit_status.store(status, std::memory_order_relaxed);
    Handle scope = record->scope;
    u32 ended = (word & ~0xffU) | static_cast<u32>(State::ended);
    if (!record->state.compare_exchange_strong(word, ended, std::memory_order_acq_rel)) return false;
    count_in_scope(author.ledger, scope, -1);
    author.ledger.index_remove(key, process);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (tail->persistent.load(std::memory_order_relaxed) <= 0) release_record(author, process, generation);
    return true;
}

bool is_made_for(const Record& process, u64 inode, u64 start) {
    if (inode != 0 && process.a != 0) return process.a == inode;
    return process.b != 0 ? start == process.b : start <= process.born + kTick;
}

Handle other_record_of(Ledger& ledger, const NewProcess& process, Handle mine) {
    Handle found = 0;
    for_each_process_record(ledger, process.pid, [&](Handle handle, const Record& record) {
        if (handle != mine && is_made_for(record, process.pidfd_inode, process.start)) found = handle;
    });
    return found;
}

void set_command(Record& process, Str command) {
    auto* tail = tail_of<ProcessTail>(process);
    u32 room = (process.lines - 1U) * static_cast<u32>(kLineSize) - kProcessTailFixed - 1;
    tail->command_size = copy_command(tail->command, room, command);
}

}  // namespace leakshim::ledger
