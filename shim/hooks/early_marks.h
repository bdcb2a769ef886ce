// SPDX-License-Identifier: MIT
//
// What is done to threads that have not come to their first instruction: nobody knows a record of theirs yet,
// so it is marked here under their number, for them to find.
//
// The number is learned from the thread itself. pthread_create stores it for its caller before the thread
// runs; to read it there after the call would be too late, since the thread may have freed it.
//
// Guarantees: lock-free and async-signal-safe. A mark that is taken is taken by one.
#pragma once

#include <atomic>

#include "types.h"

namespace leakshim::hooks {

/// Constant-initialised, all zero: see ThreadTable.
class EarlyMarks {
  public:
    enum What : u64 { detached = 1, named = 2 };

    /// False when there is no room.
    bool leave(u64 pthread, What what) {
        for (std::atomic<u64>& mark : marks_) {
            u64 none = 0;
            if (mark.load(std::memory_order_relaxed) != 0) continue;
            // Counted first: who sees the mark sees that there is one.
            left_.fetch_add(1, std::memory_order_seq_cst);
            if (mark.compare_exchange_strong(none, pthread | what, std::memory_order_seq_cst)) return true;
            left_.fetch_sub(1, std::memory_order_relaxed);
        }
        return false;
    }

    /// Was there such a mark? It is gone now.
    bool take(u64 pthread, What what) {
        for (std::atomic<u64>& mark : marks_) {
            u64 word = pthread | what;
            if (mark.load(std::memory_order_relaxed) != word) continue;
            if (!mark.compare_exchange_strong(word, 0, std::memory_order_acq_rel)) continue;
            left_.fetch_sub(1, std::memory_order_relaxed);
            return true;
        }
        return false;
    }

    /// Is there any?
    bool any() const { return left_.load(std::memory_order_seq_cst) != 0; }

  private:
    static constexpr u32 kMarks = 256;  // as many as there may be threads that have not come so far

    std::atomic<u32> left_;
    std::atomic<u64> marks_[kMarks];  ///< a number, and in its low bits, which are 0, what was done
};

}  // namespace leakshim::hooks
