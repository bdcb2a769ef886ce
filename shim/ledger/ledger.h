// SPDX-License-Identifier: MIT
//
// Writing to the ledger: records are allocated, filled, published, found and released here.
//
// Guarantees
//  - Lock-free and async-signal-safe; a process may be SIGKILLed at any instruction and loses at most the
//    record that it was writing.
//  - Nothing is touched before blocks are reserved for it; what finds no room is counted as dropped.
//  - An allocation and a release by the thread that holds the lease touch no cache line that another thread
//    writes.
// Must never: block, allocate from the heap, change errno.
//
// A thread leases one chunk at a time (ThreadLease, in thread-local storage). Lines of other chunks are given
// back through an atomic OR. A lease whose holder is dead is found and taken over when room is looked for.
#pragma once

#include <bit>

#include "alone.h"
#include "mapping.h"
#include "text.h"

namespace leakshim::ledger {

/// In place of a generation: whatever record the handle names now.
inline constexpr u32 kAnyGeneration = ~u32{0};

/// In ThreadLease::busy, for good: nothing is leased, since nobody would give it back. Each record is placed
/// singly.
inline constexpr u32 kNoLease = 2;

/// What a thread remembers between two records. Zero-initialised; lives in thread-local storage in the host.
struct ThreadLease {
    u32 chunk = 0;  ///< leased chunk, 0 for none
    u32 busy = 0;   ///< inside the allocator: a signal handler that records meanwhile goes another way
    /// Whose lease it is. While it is 0 nothing is leased and each record is placed singly, so that what a
    /// process makes before it has a record of its own leaves no orphaned chunk.
    Handle process = 0;
    u32 image = 0;                  ///< ProcessTail::image of `process`
    ChunkHeader* memory = nullptr;  ///< where `chunk` is mapped, while one is leased

    /// Is `chunk_number`, which is not 0, leased, and the allocator not in use? Then `memory` is where it
    /// lies. Two looks: the words are written singly, and a processor waits with one load of both until they
    /// are in its cache.
    bool is_idle_at(u32 chunk_number) const { return chunk == chunk_number && busy == 0; }
};

/// A record of one line that was taken the short way: all is to be filled in but its first word.
struct TakenLine {
    Record* record = nullptr;  ///< nullptr: there was none
    Handle handle = 0;
    u32 word = 0;  ///< Record::state, still free
};

/// One ledger, mapped into this process. A static object without constructor: all zero means "none".
class Ledger {
  public:
    /// Creates the file `path` (which must not exist) with blocks for its header, and maps it. The caller
    /// fills header() and ends with seal(). Returns 0 or -errno; nothing is left behind on failure.
    int create(const char* path);
    /// Makes the new ledger visible to others: stores magic and version.
    void seal();

    /// Maps the existing ledger `path`: a regular file of the effective user with our magic and version. 0,
    /// -errno, or -EPROTO for a foreign version, -EINVAL for what is no ledger, -EPERM for another owner's.
    int attach(const char* path) { return attach(path, false); }
    /// The same for looking at what would be done: all that is written stays in this process.
    int attach_copy(const char* path) { return attach(path, true); }

    /// Leaves the ledger for good: nothing is recorded any more.
    void detach() { mapping_.forget(); }

    /// Leaves the ledger and gives its memory back: for who is the only one to use it in this process.
    void close() { mapping_.unmap(); }

    /// Leaves the ledger so that nothing in this process can write to it any more: zeroed private memory
    /// takes its place, in which another thread may end what it was writing.
    void abandon() { mapping_.replace(); }

    bool ready() const { return mapping_.ready(); }
    const char* path() const { return mapping_.path(); }
    Header* header() { return static_cast<Header*>(mapping_.first()); }

    /// The byte at `offset`, nullptr when it can't be mapped. For reader.h, which checks before it touches.
    void* memory(u64 offset) { return mapping_.at(offset); }

    /// The record of `handle`, nullptr when it is no valid handle or can't be mapped.
    Record* at(Handle handle) {
        if (line_of(handle) == 0 || chunk_of(handle) < kHeaderChunks) return nullptr;
        if (chunk_of(handle) >= mapping_.chunk_limit()) return nullptr;
        return static_cast<Record*>(mapping_.at(offset_of(handle)));
    }

    /// What lies behind the record of a process; nullptr when the handle names none, or one without room for
    /// it.
    ProcessTail* process_tail(Handle handle) {
        Record* record = at(handle);
        bool whole =
            record != nullptr && record->kind == Kind::process && line_of(handle) + 1 < kLinesPerChunk;
        return whole ? reinterpret_cast<ProcessTail*>(record + 1) : nullptr;
    }

    /// The same for a handle that this process's own hooks have kept: it was good, and stays mapped.
    Record* mapped(Handle handle) { return static_cast<Record*>(mapping_.mapped(offset_of(handle))); }

    /// The short way to a record of one line, in the thread's own chunk: none where that has no room, or is
    /// in use by what a signal handler interrupted.
    static TakenLine take_line(ThreadLease& lease, Kind kind, u8 flags);
    /// The record of a handle in the leased chunk, see ThreadLease::is_idle_at().
    static Record& line_in(const ThreadLease& lease, Handle handle) {
        return reinterpret_cast<Record*>(lease.memory)[line_of(handle)];
    }
    /// The short way back, for a record of one line in the thread's own chunk. False when it is none, or when
    /// somebody else is at it: then release() knows. `alone`: see replace_alone(); a session's reaper writes
    /// to the state as well, but not before the session's end, when it is too late for either to matter.
    template <bool alone = false>
    static bool release_line(ThreadLease& lease, Handle handle, Record& record);

    /// Takes lines for a record of `kind` with `tail_bytes` behind it. All fields are zero but `kind` and
    /// `lines`; the record is invisible until publish(). 0 when there is no room (counted as dropped).
    Handle allocate(ThreadLease& lease, Kind kind, u32 tail_bytes);

    /// Makes a filled record visible, by a release store.
    static void publish(Record& record, State state) {
        u32 word = record.state.load(std::memory_order_relaxed);
        publish(record, word, state);
    }
    /// The same where the word is known.
    static void publish(Record& record, u32 word, State state) {
        record.state.store((word & ~0xffU) | static_cast<u32>(state), std::memory_order_release);
    }

    /// Moves a record on from `from` to `to`, if it is still in `from`. True for the one caller that did it.
    bool move(Record& record, State from, State to);

    /// Frees a record in whatever state but `free`, if it still is of `generation`. True for the one caller
    /// that did it.
    bool release(ThreadLease& lease, Handle handle, u32 generation = kAnyGeneration);
    /// The same for a record that is in the index under `hash`. It leaves the index before its lines can be
    /// taken anew, so that no entry of a newer record is removed by mistake.
    bool release_indexed(ThreadLease& lease, Handle handle, u64 hash, u32 generation = kAnyGeneration);

    /// Gives the thread's chunk back: at the end of a thread, before an exec.
    void drop_lease(ThreadLease& lease);

    void count(Counter counter, u64 by = 1) {
        header()->counters[static_cast<u32>(counter)].fetch_add(by, std::memory_order_relaxed);
    }

    // The index (index.cc). A record is inserted after it was published; an entry whose record was freed
    // finds nothing, and its place is taken by whoever meets it.
    void index_insert(u64 hash, Handle handle);
    /// Removes a record as often as it was inserted under `hash`.
    void index_remove(u64 hash, Handle handle);
    /// Calls `match(handle, record)` for each record under `hash` (and by accident some others) until it says
    /// true.
    template <typename Match>
    Handle index_find(u64 hash, Match match);

  private:
    struct Room {
        u32 chunk = 0;
        u32 line = 0;  ///< 0: no room
    };

    ChunkHeader* chunk_header(u32 chunk) {
        return static_cast<ChunkHeader*>(mapping_.at(static_cast<u64>(chunk) * kChunkSize));
    }
    std::atomic<u64>* bucket(u32 level, u64 hash);
    bool insert_in_bucket(std::atomic<u64>* slots, u64 word);
    bool add_level(u32 level);

    int attach(const char* path, bool as_copy);
    Record* claim(Handle handle, u32 generation);
    void free_lines(ThreadLease& lease, Handle handle, const Record& record);

    Room take_in(u32 chunk, u32 lines);
    Room take_lines(ThreadLease& lease, u32 lines);
    Room take_outside_lease(Handle process, u32 image, u32 lines);
    u32 acquire_chunk(Handle process, u32 image, u32 lines);
    u32 search_chunk(u64 held, u32 lines, u32 most_looks);
    u32 fresh_chunk(u64 held, Counter& why);
    bool take_over(u32 chunk, u64 held, u32 lines);
    void put_down(u32 chunk);
    bool process_is_dead(Handle process);
    bool lease_is_dead(u64 lease);
    bool smells_of_death(u32 chunk);
    void sweep_chunk(u32 chunk, ChunkHeader& header);

    Mapping mapping_;
};

inline State state_of(u32 word) {
    return static_cast<State>(word & 0xff);
}
inline State state_of(const Record& record) {
    return state_of(record.state.load(std::memory_order_acquire));
}

/// Tells the record that a handle was taken of from a newer one in the same place: remember it with a handle
/// that is kept for a while, and hand it to release().
inline u32 generation_of(u32 word) {
    return word >> 8;
}
inline u32 generation_of(const Record& record) {
    return generation_of(record.state.load(std::memory_order_acquire));
}

template <typename Tail>
Tail* tail_of(Record& record) {
    return reinterpret_cast<Tail*>(&record + 1);
}

/// True for chunks that are raw space of the index, and hold no records.
bool is_index_chunk(const Header& header, u32 chunk);

/// Lines that a record with `tail_bytes` behind it takes.
inline constexpr u32 lines_for(u32 tail_bytes) {
    return 1 + (tail_bytes + kLineSize - 1) / kLineSize;
}

/// Writes the first eight bytes of a record of one line at once, before anybody may look at them.
inline void begin_line(Record& record, u32 word, Kind kind, u8 flags) {
    static_assert(offsetof(Record, kind) == 4 && offsetof(Record, lines) == 5);
    static_assert(offsetof(Record, flags) == 6 && offsetof(Record, outcome) == 7);
    static_assert(Outcome::none == Outcome{} && std::endian::native == std::endian::little);
    using AnyWord [[gnu::may_alias]] = u64;
    *reinterpret_cast<AnyWord*>(&record) =
        u64{word} | static_cast<u64>(kind) << 32 | u64{1} << 40 | u64{flags} << 48;
}

inline TakenLine Ledger::take_line(ThreadLease& lease, Kind kind, u8 flags) {
    ChunkHeader* chunk = lease.memory;
    if (chunk == nullptr || lease.busy != 0) return {};
    lease.busy = 1;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    // The header's own line is never free, whatever a damaged chunk says.
    u64 used = chunk->used.load(std::memory_order_relaxed) | 1;
    TakenLine taken;
    if (~used != 0) {
        auto line = static_cast<u32>(__builtin_ctzll(~used));
        u32 generation = chunk->generation.load(std::memory_order_relaxed) + 1;
        chunk->generation.store(generation, std::memory_order_relaxed);
        taken.record = reinterpret_cast<Record*>(chunk) + line;
        taken.word = generation << 8 | static_cast<u32>(State::free);
        // As in take_in(): no state and no length of what was here may outlast the store of `used`.
        begin_line(*taken.record, taken.word, kind, flags);
        chunk->used.store(used | u64{1} << line, std::memory_order_release);
        taken.handle = make_handle(lease.chunk, line);
    }
    std::atomic_signal_fence(std::memory_order_seq_cst);
    lease.busy = 0;
    return taken;
}

template <bool alone>
inline bool Ledger::release_line(ThreadLease& lease, Handle handle, Record& record) {
    if (!lease.is_idle_at(chunk_of(handle)) || record.lines != 1) return false;
    ChunkHeader* chunk = lease.memory;
    u32 word = record.state.load(std::memory_order_acquire);
    if (state_of(word) == State::free || !replace<alone>(record.state, word, word & ~0xffU)) return false;
    lease.busy = 1;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    u64 used = chunk->used.load(std::memory_order_relaxed);
    chunk->used.store(used & ~(u64{1} << line_of(handle)), std::memory_order_release);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    lease.busy = 0;
    return true;
}

template <typename Match>
Handle Ledger::index_find(u64 hash, Match match) {
    u32 tag = static_cast<u32>(hash >> 32);
    for (u32 level = 0; level < kIndexLevels; ++level) {
        std::atomic<u64>* slots = bucket(level, hash);
        if (slots == nullptr) return 0;
        for (u32 i = 0; i < kBucketSlots; ++i) {
            u64 word = slots[i].load(std::memory_order_acquire);
            if (word == 0 || static_cast<u32>(word >> 32) != tag) continue;
            auto handle = static_cast<Handle>(word);
            Record* record = at(handle);
            if (record != nullptr && match(handle, *record)) return handle;
        }
    }
    return 0;
}

}  // namespace leakshim::ledger
