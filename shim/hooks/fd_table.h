// SPDX-License-Identifier: MIT
//
// Which record stands for which descriptor: private to the process, inherited as a copy by fork, where a
// child finds records of its parent in it and leaves them alone.
//
// Two levels, so that a table for a million descriptors costs 4 KiB until they are there. Entries are swapped
// atomically: whoever takes an entry out owns its release. Lock-free and async-signal-safe.
#pragma once

#include "alone.h"
#include "layout.h"

namespace leakshim::hooks {

/// Stands in the table while the descriptor is being retired: no record has this handle, nor lies in its
/// chunk.
inline constexpr ledger::Handle kBeingRetired = ~ledger::Handle{0};
static_assert(ledger::chunk_of(kBeingRetired) >= ledger::kMaxChunks);

class FdTable {
  public:
    static constexpr u32 kPageEntries = 1024;
    static constexpr u32 kPages = 1024;
    static constexpr u32 kLimit = kPageEntries * kPages;

    using Entry = std::atomic<ledger::Handle>;

    /// Puts `handle` (or 0) at `fd` and returns what stood there. 0 for numbers beyond the table.
    ledger::Handle exchange(int fd, ledger::Handle handle);

    /// The place of `fd`; nullptr where there is none yet, and for numbers beyond the table. The first page
    /// is always there.
    Entry* entry(int fd) {
        if (!is_near(fd)) [[unlikely]]
            return other_entry(fd);
        return &first_page_[fd];
    }

    /// Puts `handle`, which is not 0, into the entry of `fd` if nothing stands there; else use exchange(). No
    /// atomic operation, which costs as much as all else in a hook: nobody fills the entry of a descriptor
    /// but who has just got its number.
    bool fill(Entry& entry, int fd, ledger::Handle handle) {
        if (static_cast<u32>(fd) >= own_end_.load(std::memory_order_relaxed)) [[unlikely]]
            return false;
        if (entry.load(std::memory_order_relaxed) != 0) [[unlikely]]
            return false;
        entry.store(handle, std::memory_order_release);
        return true;
    }

    /// The process is the child of a fork: all that stands here is of its parent.
    void begin_anew() { own_end_.store(0, std::memory_order_relaxed); }

    /// Puts `handle` at `fd` if `expected` still stands there. True when it did.
    bool replace(int fd, ledger::Handle expected, ledger::Handle handle);

    ledger::Handle get(int fd) const {
        const Entry* page = page_of(fd);
        return page == nullptr ? 0
                               : page[static_cast<u32>(fd) % kPageEntries].load(std::memory_order_acquire);
    }

    /// True when an entry at `fd` can be stored.
    static bool covers(int fd) { return static_cast<u32>(fd) < kLimit; }

    /// The first number from `from` on that has an entry, -1 when there is none.
    int next(u32 from) const;

    /// Calls `visit(fd, handle)` for every entry in [first, last].
    template <typename Visit>
    void for_each(u32 first, u32 last, Visit visit) {
        for (int fd = next(first); fd >= 0 && static_cast<u32>(fd) <= last;
             fd = next(static_cast<u32>(fd) + 1)) {
            ledger::Handle handle = get(fd);
            if (handle != 0) visit(fd, handle);
        }
    }

    /// The same for every entry that may be this process's own: a child's few are found without a look at
    /// those that it inherited behind them.
    template <typename Visit>
    void for_each_own(Visit visit) {
        u32 end = own_end_.load(std::memory_order_relaxed);
        if (end != 0) for_each(0, end - 1, visit);
    }

  private:
    using Page = std::atomic<Entry*>;

    void raise_own_end(u32 end);

    static bool is_near(int fd) { return static_cast<u32>(fd) < kPageEntries; }
    Entry* other_entry(int fd) const;
    const Entry* page_of(int fd) const { return is_near(fd) ? first_page_ : other_page_of(fd); }
    Entry* other_page_of(int fd) const {
        const Page* pages = pages_.load(std::memory_order_acquire);
        if (pages == nullptr || !covers(fd)) return nullptr;
        return pages[static_cast<u32>(fd) / kPageEntries].load(std::memory_order_acquire);
    }
    Entry* add_page(u32 number);
    Page* all_pages();

    std::atomic<u32> own_end_;   ///< one more than the largest number that this process has filled
    std::atomic<u32> page_end_;  ///< one more than the last page that there is, 0 for the first alone
    std::atomic<Page*> pages_;   ///< all, the first unused; nullptr while there is no other
    alignas(64) Entry first_page_[kPageEntries];
};

}  // namespace leakshim::hooks
