// SPDX-License-Identifier: MIT
//
// Where the lines of a record come from: leases, the list of spare chunks, and taking over what the dead held.
//
// A chunk is `held` (one thread allocates in it), `spare` (on a list, with free lines), or `full`. The step from
// full to spare is taken by whoever first releases a line in it; leaving a full chunk and that release race, and
// the second look in retire_full() decides it.
#include "ledger.h"
#include "sys.h"

namespace leakshim::ledger {

namespace {

constexpr int kReclaimLooks = 8;  // chunks looked at for a dead holder, each time a fresh chunk is wanted

/// First line of a run of `lines` free lines, 0 when there is none. Line 0 is the header's and always used.
u32 find_run(u64 used, u32 lines) {
    u64 starts = ~used & ~u64{1};
    for (u32 i = 1; i < lines && starts != 0; ++i) starts &= ~used >> i;
    return starts == 0 ? 0 : static_cast<u32>(__builtin_ctzll(starts));
}

u64 run_mask(u32 line, u32 lines) { return ((u64{1} << lines) - 1) << line; }

/// Takes lines in a chunk that the caller holds.
u32 take_in(ChunkHeader& header, u32 lines) {
    u64 used = header.used.load(std::memory_order_relaxed);
    u32 line = find_run(used, lines);
    if (line == 0 && header.freed.load(std::memory_order_relaxed) != 0) {
        used &= ~header.freed.exchange(0, std::memory_order_acq_rel);
        header.used.store(used, std::memory_order_relaxed);
        line = find_run(used, lines);
    }
    if (line != 0) header.used.store(used | run_mask(line, lines), std::memory_order_relaxed);
    return line;
}

u64 full_word() { return lease_word(Lease::full, 0, 0); }

}  // namespace

Ledger::Room Ledger::take_lines(ThreadLease& lease, u32 lines) {
    if (lease.chunk != 0) {
        ChunkHeader* header = chunk_header(lease.chunk);
        u32 line = take_in(*header, lines);
        if (line != 0) return {lease.chunk, line};
        constexpr int kWorthKeeping = 8;
        if (lines > 1 && __builtin_popcountll(~header->used.load(std::memory_order_relaxed)) >= kWorthKeeping) {
            return take_outside_lease(lease.process, lease.image, lines);
        }
        u32 chunk = lease.chunk;
        lease.chunk = 0;
        retire_full(chunk, *header, lease_word(Lease::held, lease.image, lease.process));
    }
    for (int tries = 0; tries < 4; ++tries) {
        u32 chunk = acquire_chunk(lease.process, lease.image);
        if (chunk == 0) return {};
        u32 line = take_in(*chunk_header(chunk), lines);
        if (line != 0) {
            lease.chunk = chunk;
            return {chunk, line};
        }
        retire_full(chunk, *chunk_header(chunk), lease_word(Lease::held, lease.image, lease.process));
    }
    return {};
}

/// A line for whoever may not use the thread's own lease: a signal handler that interrupted the allocator, or a
/// record too long for what is left there.
Ledger::Room Ledger::take_outside_lease(Handle process, u32 image, u32 lines) {
    for (int tries = 0; tries < 4; ++tries) {
        u32 chunk = tries < 2 ? acquire_chunk(process, image) : fresh_chunk(process, image);
        if (chunk == 0) return {};
        ChunkHeader* header = chunk_header(chunk);
        u32 line = take_in(*header, lines);
        u64 held = lease_word(Lease::held, image, process);
        if (find_run(header->used.load(std::memory_order_relaxed), 1) != 0)
            push_spare(chunk, *header);
        else
            retire_full(chunk, *header, held);
        if (line != 0) return {chunk, line};
    }
    return {};
}

u32 Ledger::acquire_chunk(Handle process, u32 image) {
    u32 chunk = pop_spare();
    if (chunk != 0) {
        chunk_header(chunk)->lease.store(lease_word(Lease::held, image, process), std::memory_order_release);
        return chunk;
    }
    chunk = reclaim_chunk(process, image);
    return chunk != 0 ? chunk : fresh_chunk(process, image);
}

u32 Ledger::fresh_chunk(Handle process, u32 image) {
    Header* head = header();
    u32 chunk = head->next_chunk.load(std::memory_order_relaxed);
    for (;;) {
        if (chunk >= mapping_.chunk_limit() || chunk_header(chunk) == nullptr) {
            count(Counter::dropped_limit);
            return 0;
        }
        // Reserved before it is taken: where there is no room, the number stays for better times.
        if (!mapping_.reserve(chunk, 1)) {
            count(Counter::dropped_full);
            return 0;
        }
        if (head->next_chunk.compare_exchange_weak(chunk, chunk + 1, std::memory_order_acq_rel)) break;
    }
    ChunkHeader* header = chunk_header(chunk);
    header->used.store(1, std::memory_order_relaxed);
    header->lease.store(lease_word(Lease::held, image, process), std::memory_order_release);
    return chunk;
}

bool Ledger::process_is_dead(Handle process) {
    Record* record = at(process);
    if (record == nullptr || record->kind != Kind::process || state_of(*record) != State::live) return true;
    return sys::process_exists(record->number.load(std::memory_order_relaxed)) == -ESRCH;
}

bool Ledger::lease_is_dead(u64 lease) {
    Record* record = at(lease_owner(lease));
    if (record == nullptr || process_is_dead(lease_owner(lease))) return true;
    u32 image = tail_of<ProcessTail>(*record)->image.load(std::memory_order_relaxed);
    return (image & 0xffffff) != lease_image(lease);
}

u32 Ledger::reclaim_chunk(Handle process, u32 image) {
    Header* head = header();
    u32 first = kHeaderChunks + kIndexLevelChunks[0];
    u32 end = head->next_chunk.load(std::memory_order_acquire);
    if (end <= first) return 0;
    u32 hand = head->reclaim_hand.fetch_add(kReclaimLooks, std::memory_order_relaxed);
    for (u32 i = 0; i < kReclaimLooks; ++i) {
        u32 chunk = first + (hand + i) % (end - first);
        ChunkHeader* header = chunk_header(chunk);
        if (header == nullptr || is_index_chunk(*head, chunk)) continue;
        u64 lease = header->lease.load(std::memory_order_acquire);
        bool dead = lease_of(lease) == Lease::held && lease_owner(lease) != 0 && lease_is_dead(lease);
        if (!dead && lease_of(lease) == Lease::full) {
            // A full chunk has no holder; that its first record belongs to a dead process is hint enough to look.
            Record* sample = at(make_handle(chunk, 1));
            dead = sample != nullptr && state_of(*sample) == State::live && is_fd(sample->kind) &&
                   process_is_dead(sample->owner);
        }
        if (!dead) continue;
        if (!header->lease.compare_exchange_strong(lease, lease_word(Lease::held, image, process),
                                                   std::memory_order_acq_rel)) {
            continue;
        }
        sweep_chunk(chunk, *header);
        if (find_run(header->used.load(std::memory_order_relaxed), 1) != 0) return chunk;
        retire_full(chunk, *header, lease_word(Lease::held, image, process));
    }
    return 0;
}

/// Frees the descriptors and threads of dead processes in a chunk that the caller holds: they died with them.
void Ledger::sweep_chunk(u32 chunk, ChunkHeader& header) {
    ThreadLease none;
    for (u32 line = 1; line < kLinesPerChunk;) {
        Record* record = at(make_handle(chunk, line));
        State state = state_of(*record);
        u32 lines = state == State::free || record->lines == 0 ? 1 : record->lines;
        bool mortal = is_fd(record->kind) || record->kind == Kind::thread;
        if (state == State::live && mortal && process_is_dead(record->owner)) {
            release(none, make_handle(chunk, line));
        }
        line += lines;
    }
    u64 freed = header.freed.exchange(0, std::memory_order_acq_rel);
    header.used.store(header.used.load(std::memory_order_relaxed) & ~freed, std::memory_order_relaxed);
}

void Ledger::give_back(u32 chunk, u64 mask) {
    ChunkHeader* header = chunk_header(chunk);
    header->freed.fetch_or(mask, std::memory_order_seq_cst);
    u64 lease = header->lease.load(std::memory_order_seq_cst);
    if (lease_of(lease) != Lease::full) return;
    u64 spare = lease_word(Lease::spare, 0, 0);
    if (header->lease.compare_exchange_strong(lease, spare, std::memory_order_acq_rel)) push_spare(chunk, *header);
}

/// Leaves a chunk without room. A line released between our last look and the new word would never be found:
/// hence the second look.
void Ledger::retire_full(u32 chunk, ChunkHeader& header, u64 held) {
    if (!header.lease.compare_exchange_strong(held, full_word(), std::memory_order_seq_cst)) return;
    if (header.freed.load(std::memory_order_seq_cst) == 0) return;
    u64 full = full_word();
    u64 spare = lease_word(Lease::spare, 0, 0);
    if (header.lease.compare_exchange_strong(full, spare, std::memory_order_acq_rel)) push_spare(chunk, header);
}

void Ledger::drop_lease(ThreadLease& lease) {
    if (lease.chunk == 0 || lease.busy != 0) return;
    lease.busy = 1;
    u32 chunk = lease.chunk;
    lease.chunk = 0;
    ChunkHeader* header = chunk_header(chunk);
    u64 used = header->used.load(std::memory_order_relaxed) & ~header->freed.load(std::memory_order_relaxed);
    if (find_run(used, 1) != 0)
        push_spare(chunk, *header);
    else
        retire_full(chunk, *header, lease_word(Lease::held, lease.image, lease.process));
    lease.busy = 0;
}

u32 Ledger::pop_spare() {
    Header* head = header();
    u64 top = head->spare.load(std::memory_order_acquire);
    while (static_cast<u32>(top) != 0) {
        u32 chunk = static_cast<u32>(top);
        ChunkHeader* header = chunk >= kHeaderChunks && chunk < mapping_.chunk_limit() ? chunk_header(chunk) : nullptr;
        if (header == nullptr) return 0;
        u64 next = header->next_spare.load(std::memory_order_relaxed);
        u64 tagged = ((top >> 32) + 1) << 32 | next;  // the tag tells a list that came back from one that stayed
        if (head->spare.compare_exchange_weak(top, tagged, std::memory_order_acq_rel)) return chunk;
    }
    return 0;
}

void Ledger::push_spare(u32 chunk, ChunkHeader& header) {
    Header* head = this->header();
    header.lease.store(lease_word(Lease::spare, 0, 0), std::memory_order_release);
    u64 top = head->spare.load(std::memory_order_acquire);
    u64 tagged;
    do {
        header.next_spare.store(static_cast<u32>(top), std::memory_order_relaxed);
        tagged = ((top >> 32) + 1) << 32 | chunk;
    } while (!head->spare.compare_exchange_weak(top, tagged, std::memory_order_acq_rel));
}

}  // namespace leakshim::ledger
