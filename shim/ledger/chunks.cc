// SPDX-License-Identifier: MIT
//
// Where the lines of a record come from: leases, the search for a chunk with room, and taking over what the
// dead held.
//
// A chunk is `held` (one thread allocates in it) or `idle` (whoever wins a compare-and-swap may hold it).
// There is no list to be broken by a SIGKILL: whoever needs room looks at chunks in turn. Lines are released
// into a word of their own by an atomic OR, whoever holds the chunk, and collected by its next holder.
#include "ledger.h"
#include "sys.h"

namespace leakshim::ledger {

namespace {

constexpr u32 kLooks = 16;        // chunks looked at before a fresh one is taken
constexpr u32 kLastLooks = 256;   // and before a record is dropped for want of one
constexpr int kWorthKeeping = 8;  // with fewer free lines a leased chunk without room for a record is left

/// First line of a run of `lines` free lines, 0 when there is none. Line 0 is the header's and always used.
u32 find_run(u64 used, u32 lines) {
    u64 starts = ~used & ~u64{1};
    for (u32 i = 1; i < lines && starts != 0; ++i)
        starts &= ~used >> i;
    return starts == 0 ? 0 : static_cast<u32>(__builtin_ctzll(starts));
}

u64 run_mask(u32 line, u32 lines) {
    return ((u64{1} << lines) - 1) << line;
}

/// Lines that are taken; those released by others are not, collected or not.
u64 taken_lines(const ChunkHeader& header) {
    return header.used.load(std::memory_order_acquire) & ~header.freed.load(std::memory_order_acquire);
}

constexpr u32 kFirstChunk = kHeaderChunks + index_level_chunks(0);

/// How many chunks below `end` hold records.
u32 count_record_chunks(const Header& header, u32 end) {
    u32 chunks = end - kFirstChunk;
    for (u32 level = 1; level < kIndexLevels; ++level) {
        u32 first = header.index_level[level].load(std::memory_order_acquire);
        if (first != 0 && first < end) chunks -= index_level_chunks(level);
    }
    return chunks;
}

/// The n-th chunk that holds records. A level is added only when those above it are there: they lie in order.
u32 nth_record_chunk(const Header& header, u32 n) {
    u32 chunk = kFirstChunk + n;
    for (u32 level = 1; level < kIndexLevels; ++level) {
        u32 first = header.index_level[level].load(std::memory_order_acquire);
        if (first != 0 && chunk >= first) chunk += index_level_chunks(level);
    }
    return chunk;
}

}  // namespace

/// Takes lines in a chunk that the caller holds.
Ledger::Room Ledger::take_in(u32 chunk, u32 lines) {
    ChunkHeader& header = *chunk_header(chunk);
    u64 used = header.used.load(std::memory_order_relaxed);
    u32 line = find_run(used, lines);
    if (line == 0 && header.freed.load(std::memory_order_relaxed) != 0) {
        used &= ~header.freed.exchange(0, std::memory_order_acq_rel);
        header.used.store(used, std::memory_order_relaxed);
        line = find_run(used, lines);
    }
    if (line == 0) return {};
    u32 generation = (header.generation.load(std::memory_order_relaxed) + 1) & 0xffffff;
    header.generation.store(generation, std::memory_order_relaxed);
    // Until now there may have been text here, or in a damaged ledger whatever: no state and no length of it
    // may outlast the next store. The lines behind the first are written over only as far as the text goes.
    Record* run = at(make_handle(chunk, line));
    for (u32 i = 0; i < lines; ++i)
        run[i].state.store(generation << 8 | static_cast<u32>(State::free), std::memory_order_relaxed);
    run->lines = static_cast<u8>(lines);
    header.used.store(used | run_mask(line, lines), std::memory_order_release);
    return {chunk, line};
}

Ledger::Room Ledger::take_lines(ThreadLease& lease, u32 lines) {
    if (lease.chunk != 0) {
        Room room = take_in(lease.chunk, lines);
        if (room.line != 0) return room;
        int left = __builtin_popcountll(~taken_lines(*chunk_header(lease.chunk)));
        if (lines > 1 && left >= kWorthKeeping) return take_outside_lease(lease.process, lease.image, lines);
        u32 chunk = lease.chunk;
        lease.chunk = 0;
        lease.memory = nullptr;
        put_down(chunk);
    }
    u32 chunk = acquire_chunk(lease.process, lease.image, lines);
    if (chunk == 0) return {};
    lease.chunk = chunk;
    lease.memory = chunk_header(chunk);
    return take_in(chunk, lines);
}

/// Lines for whoever may not use the thread's own lease: a signal handler that interrupted the allocator, a
/// process without a record of its own, or a record too long for what is left there.
Ledger::Room Ledger::take_outside_lease(Handle process, u32 image, u32 lines) {
    u32 chunk = acquire_chunk(process, image, lines);
    if (chunk == 0) return {};
    Room room = take_in(chunk, lines);
    put_down(chunk);
    return room;
}

/// Gives up a chunk that the caller holds.
void Ledger::put_down(u32 chunk) {
    ChunkHeader& header = *chunk_header(chunk);
    bool room = ~taken_lines(header) != 0;
    header.lease.store(lease_word(Lease::idle, 0, 0), std::memory_order_release);
    if (room) this->header()->idle_hint.store(chunk, std::memory_order_relaxed);
}

/// A chunk, held by the caller, with room for a record of `lines`: the one put down last, else one of a few
/// that the hand of a clock points at, else a fresh one. Each look is one cache line. Searching for longer
/// would make records dear when all chunks are full; not searching would let the ledger grow with every
/// record ever made. A list of chunks with room was tried: chunks with holes too small for what is asked lay
/// on top of it for ever.
u32 Ledger::acquire_chunk(Handle process, u32 image, u32 lines) {
    Header* head = header();
    u64 held = lease_word(Lease::held, image, process);
    u32 hint = head->idle_hint.exchange(0, std::memory_order_relaxed);
    bool known = hint >= kFirstChunk && hint < head->next_chunk.load(std::memory_order_acquire);
    if (known && take_over(hint, held, lines)) return hint;
    u32 chunk = search_chunk(held, lines, kLooks);
    if (chunk != 0) return chunk;
    Counter why = Counter::dropped_limit;
    chunk = fresh_chunk(held, why);
    if (chunk == 0) chunk = search_chunk(held, lines, kLastLooks);
    if (chunk == 0) count(why);
    return chunk;
}

u32 Ledger::search_chunk(u64 held, u32 lines, u32 most_looks) {
    Header* head = header();
    u32 end = head->next_chunk.load(std::memory_order_acquire);
    u32 count = count_record_chunks(*head, end);
    u32 looks = count < most_looks ? count : most_looks;
    if (looks == 0) return 0;
    u32 hand = head->hand.fetch_add(looks, std::memory_order_relaxed);
    for (u32 i = 0; i < looks; ++i) {
        u32 chunk = nth_record_chunk(*head, (hand + i) % count);
        if (chunk < end && take_over(chunk, held, lines)) return chunk;
    }
    return 0;
}

/// Makes the caller the holder of `chunk` if nobody who lives is, and there is room for `lines` in it, or
/// will be without the records of dead processes.
bool Ledger::take_over(u32 chunk, u64 held, u32 lines) {
    ChunkHeader* header = chunk < kFirstChunk ? nullptr : chunk_header(chunk);
    if (header == nullptr) return false;
    // In this order: an index level is announced before its first entry, which would look like a lease, is
    // written.
    u64 lease = header->lease.load(std::memory_order_acquire);
    if (lease_of(lease) == Lease::unused || is_index_chunk(*this->header(), chunk)) return false;
    bool room = find_run(taken_lines(*header), lines) != 0;
    bool sweep = lease_of(lease) == Lease::held ? lease_is_dead(lease) : !room && smells_of_death(chunk);
    if (!sweep && !(room && lease_of(lease) == Lease::idle)) return false;
    if (!header->lease.compare_exchange_strong(lease, held, std::memory_order_acq_rel)) return false;
    if (sweep) sweep_chunk(chunk, *header);
    if (find_run(taken_lines(*header), lines) != 0) return true;
    put_down(chunk);
    return false;
}

/// A chunk that nobody has used yet; 0, with the counter that says why, when there is none.
u32 Ledger::fresh_chunk(u64 held, Counter& why) {
    Header* head = header();
    u32 chunk = head->next_chunk.load(std::memory_order_relaxed);
    for (;;) {
        // A damaged ledger may say that its header is free.
        bool within = chunk >= kFirstChunk && chunk < mapping_.chunk_limit();
        if (!within || chunk_header(chunk) == nullptr) {
            why = Counter::dropped_limit;
            return 0;
        }
        // Reserved before it is taken: where there is no room, the number stays for better times.
        if (!mapping_.reserve(chunk, 1)) {
            why = Counter::dropped_full;
            return 0;
        }
        if (head->next_chunk.compare_exchange_weak(chunk, chunk + 1, std::memory_order_acq_rel)) break;
    }
    ChunkHeader* header = chunk_header(chunk);
    header->used.store(1, std::memory_order_relaxed);
    header->lease.store(held, std::memory_order_release);
    return chunk;
}

/// What belongs to no process is that of one on its way to its own record: it may live.
bool Ledger::process_is_dead(Handle process) {
    if (process == 0) return false;
    Record* record = at(process);
    if (record == nullptr || record->kind != Kind::process || state_of(*record) != State::live) return true;
    return sys::process_exists(record->number.load(std::memory_order_relaxed)) == -ESRCH;
}

bool Ledger::lease_is_dead(u64 lease) {
    Handle owner = lease_owner(lease);
    if (owner == 0 || process_is_dead(owner)) return owner != 0;
    ProcessTail* tail = process_tail(owner);
    return tail == nullptr || (tail->image.load(std::memory_order_relaxed) & 0xffffff) != lease_image(lease);
}

/// A chunk that nobody holds and that has no room: that its first record was a descriptor of a process now
/// dead is hint enough to look closer.
bool Ledger::smells_of_death(u32 chunk) {
    Record* sample = at(make_handle(chunk, 1));
    return sample != nullptr && state_of(*sample) == State::live && is_fd(sample->kind) &&
           process_is_dead(sample->owner);
}

/// Frees the descriptors and threads of dead processes in a chunk that the caller holds: they died with them.
void Ledger::sweep_chunk(u32 chunk, ChunkHeader& header) {
    ThreadLease none;
    u64 taken = taken_lines(header);
    for (u32 line = 1; line < kLinesPerChunk;) {
        if ((taken >> line & 1) == 0) {
            ++line;
            continue;
        }
        Record* record = at(make_handle(chunk, line));
        u32 lines = record->lines;
        bool mortal = is_fd(record->kind) || record->kind == Kind::thread;
        if (mortal && state_of(*record) == State::live && process_is_dead(record->owner)) {
            release(none, make_handle(chunk, line), generation_of(*record));
        }
        if (lines == 0 || lines > kLinesPerChunk - line) return;
        line += lines;
    }
}

void Ledger::drop_lease(ThreadLease& lease) {
    if (lease.busy != 0) return;
    lease.busy = 1;
    u32 chunk = lease.chunk;
    lease.chunk = 0;
    lease.memory = nullptr;
    if (chunk != 0) put_down(chunk);
    lease.busy = 0;
}

}  // namespace leakshim::ledger
