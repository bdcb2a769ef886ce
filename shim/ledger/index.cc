// SPDX-License-Identifier: MIT
//
// The hash index of the ledger. A slot is one word, stored and cleared by one atomic operation, so that there
// is no moment at which a SIGKILL leaves it broken; a slot whose record was freed is cleared by whoever meets
// it.
#include <utility>

#include "ledger.h"

namespace leakshim::ledger {

namespace {

u64 slot_word(u64 hash, Handle handle) {
    return (hash >> 32) << 32 | handle;
}

constexpr u32 buckets_of(u32 level) {
    return index_level_chunks(level) * static_cast<u32>(kChunkSize / kLineSize);
}

}  // namespace

bool is_index_chunk(const Header& header, u32 chunk) {
    for (u32 level = 0; level < kIndexLevels; ++level) {
        u32 first = header.index_level[level].load(std::memory_order_acquire);
        if (first == 0) return false;  // a level is added only when those above it are there
        if (chunk >= first && chunk - first < index_level_chunks(level)) return true;
    }
    return false;
}

std::atomic<u64>* Ledger::bucket(u32 level, u64 hash) {
    u32 first = header()->index_level[level].load(std::memory_order_acquire);
    if (first < kHeaderChunks) return nullptr;
    if (u64{first} + index_level_chunks(level) >= mapping_.chunk_limit()) return nullptr;
    static_assert((buckets_of(0) & (buckets_of(0) - 1)) == 0,
                  "the other levels are this one times a power of two");
    u64 number = hash_pair(hash, level) & (buckets_of(level) - 1);
    u64 offset = first * kChunkSize + number * kLineSize;
    // As a rule the first level is the only one, and lies in the segment that is always mapped.
    void* slots = offset < kSegmentSize ? static_cast<char*>(mapping_.first()) + offset : mapping_.at(offset);
    return static_cast<std::atomic<u64>*>(slots);
}

namespace {

template <u32... kSlot>
u32 first_slot_with(const std::atomic<u64>* slots, u64 word, std::integer_sequence<u32, kSlot...>) {
    u32 at = kBucketSlots;
    (void)((slots[kSlot].load(std::memory_order_relaxed) == word && (at = kSlot, true)) || ...);
    return at;
}

/// The first slot of the bucket that holds `word`; kBucketSlots when none does.
u32 first_slot_with(const std::atomic<u64>* slots, u64 word) {
    return first_slot_with(slots, word, std::make_integer_sequence<u32, kBucketSlots>{});
}

/// Clears every slot that holds `word`; answers which did, a bit each.
u32 clear_slots_with(std::atomic<u64>* slots, u64 word) {
    u32 cleared = 0;
    for (u32 i = 0; (i = first_slot_with(slots, word)) != kBucketSlots; cleared |= 1U << i) {
        u64 expected = word;
        slots[i].compare_exchange_strong(expected, 0, std::memory_order_acq_rel);
    }
    return cleared;
}

}  // namespace

/// Puts `word` into a slot of the bucket that is empty or whose record was freed. False when there is none.
bool Ledger::insert_in_bucket(std::atomic<u64>* slots, u64 word) {
    // The same word, left by an earlier record in our place, is cleared rather than kept: another thread may
    // have seen it while that record was free, and be about to take the slot. It finds the word changed, and
    // ours stands in another slot.
    u32 cleared = clear_slots_with(slots, word);
    u32 empty = cleared != 0 ? kBucketSlots : first_slot_with(slots, 0);
    u64 none = 0;
    if (empty != kBucketSlots && slots[empty].compare_exchange_strong(none, word, std::memory_order_acq_rel))
        return true;
    for (u32 i = 0; i < kBucketSlots; ++i) {
        if ((cleared >> i & 1) != 0) continue;
        u64 old = slots[i].load(std::memory_order_relaxed);
        Record* record = old == 0 ? nullptr : at(static_cast<Handle>(old));
        if (record != nullptr && state_of(*record) != State::free) continue;
        if (slots[i].compare_exchange_strong(old, word, std::memory_order_acq_rel)) return true;
    }
    return false;
}

void Ledger::index_insert(u64 hash, Handle handle) {
    u64 word = slot_word(hash, handle);
    for (u32 level = 0; level < kIndexLevels; ++level) {
        std::atomic<u64>* slots = bucket(level, hash);
        if (slots == nullptr && add_level(level)) slots = bucket(level, hash);
        if (slots == nullptr) break;
        if (insert_in_bucket(slots, word)) return;
    }
    count(Counter::unindexed);
}

void Ledger::index_remove(u64 hash, Handle handle) {
    u64 word = slot_word(hash, handle);
    for (u32 level = 0; level < kIndexLevels; ++level) {
        std::atomic<u64>* slots = bucket(level, hash);
        if (slots == nullptr) return;
        clear_slots_with(slots, word);
    }
}

bool Ledger::add_level(u32 level) {
    Header* head = header();
    u32 chunks = index_level_chunks(level);
    // A level is large, and what a file system has left belongs to the host before it belongs to us; where
    // the reservation failed half-way, all of that would be gone.
    if (mapping_.free_space() / 2 < chunks * kChunkSize) return false;
    u32 first = head->next_chunk.load(std::memory_order_relaxed);
    // Reserved before it is taken, so that every chunk below `next_chunk` has blocks behind it.
    do {
        if (!mapping_.reserve(first, chunks)) return false;
    } while (!head->next_chunk.compare_exchange_weak(first, first + chunks, std::memory_order_acq_rel));
    // Where another thread was faster, its level counts; these chunks then stay unused.
    u32 none = 0;
    head->index_level[level].compare_exchange_strong(none, first, std::memory_order_acq_rel);
    return true;
}

}  // namespace leakshim::ledger
