// SPDX-License-Identifier: MIT
//
// Which record stands for which thread: private to the process, and a copy after fork, in which the parent's
// threads are nobody's.
//
// Guarantees: lock-free and async-signal-safe; an entry is one word, so that it is there as a whole or not at
// all. Small, and no list: where a bucket is full the caller goes another way. Never believed: who finds an
// entry looks at its record, which may have been released and be another thread's by now.
#pragma once

#include <atomic>

#include "text.h"

namespace leakshim::hooks {

/// Constant-initialised, all zero: a constructor would empty it under threads that others' constructors
/// started.
class ThreadTable {
  public:
    static constexpr u32 kSlots = 4;      ///< of a bucket
    static constexpr u32 kBuckets = 128;  ///< one page in all

    /// Enters the record `handle` of the thread `pthread`. What an earlier thread of the same number and
    /// record left is cleared rather than kept: somebody may have seen it as stale, and be about to take its
    /// place. `stale(handle)`: is that record no living thread's? False when there is no room.
    template <typename Stale>
    bool insert(u64 pthread, u32 handle, Stale stale) {
        Place place = find_place(pthread, handle);
        u32 cleared = clear(place);
        for (u32 i = 0; i < kSlots; ++i) {
            u64 old = place.slots[i].load(std::memory_order_relaxed);
            bool taken = (cleared >> i & 1) != 0 || (old != 0 && !stale(static_cast<u32>(old)));
            if (!taken && place.slots[i].compare_exchange_strong(old, place.word, std::memory_order_acq_rel))
                return true;
        }
        return false;
    }

    /// The first entry of `pthread` (and by accident of some other) of whose record `match(handle)` says
    /// true; 0 when there is none.
    template <typename Match>
    u32 find(u64 pthread, Match match) {
        Place place = find_place(pthread, 0);
        for (u32 i = 0; i < kSlots; ++i) {
            u64 word = place.slots[i].load(std::memory_order_acquire);
            auto handle = static_cast<u32>(word);
            if ((word ^ place.word) == handle && handle != 0 && match(handle)) return handle;
        }
        return 0;
    }

    void remove(u64 pthread, u32 handle) { clear(find_place(pthread, handle)); }

  private:
    struct Place {
        std::atomic<u64>* slots;
        u64 word;  ///< some bits of the hash above the handle
    };

    Place find_place(u64 pthread, u32 handle) {
        u64 hash = hash_pair(pthread, kBuckets);
        return {slots_ + hash % kBuckets * kSlots, (hash >> 32) << 32 | handle};
    }

    /// Answers which slots were cleared, a bit each.
    u32 clear(const Place& place) {
        u32 cleared = 0;
        for (u32 i = 0; i < kSlots; ++i) {
            u64 same = place.word;
            if (place.slots[i].load(std::memory_order_relaxed) != same) continue;
            place.slots[i].compare_exchange_strong(same, 0, std::memory_order_acq_rel);
            cleared |= 1U << i;
        }
        return cleared;
    }

    std::atomic<u64> slots_[kBuckets * kSlots];
};

}  // namespace leakshim::hooks
