// SPDX-License-Identifier: MIT
//
// Which record stands for which descriptor: private to the process, inherited as a copy by fork, where a
// child finds records of its parent in it and leaves them alone.
//
// Two levels, so that a table for a million descriptors costs 8 KiB until they are there. Entries are swapped
// atomically: whoever takes an entry out owns its release. Lock-free and async-signal-safe.
#pragma once

#include "layout.h"

namespace leakshim::hooks {

/// Stands in the table while the descriptor is being retired: no record has this handle.
inline constexpr ledger::Handle kBeingRetired = 1;

class FdTable {
  public:
    static constexpr u32 kPageEntries = 1024;
    static constexpr u32 kPages = 1024;
    static constexpr u32 kLimit = kPageEntries * kPages;

    /// Puts `handle` (or 0) at `fd` and returns what stood there. 0 for numbers beyond the table.
    ledger::Handle exchange(int fd, ledger::Handle handle) {
        if (static_cast<u32>(fd) >= kPageEntries) [[unlikely]]
            return exchange_beyond(fd, handle);
        return exchange_in(first_page_[fd], handle);
    }

    /// Puts `handle` at `fd` if `expected` still stands there. True when it did.
    bool replace(int fd, ledger::Handle expected, ledger::Handle handle);

    ledger::Handle get(int fd) const {
        const std::atomic<ledger::Handle>* page = page_of(fd);
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

  private:
    /// An atomic exchange, which costs as much as all else in a hook, only where something stands: most
    /// entries that are cleared, and nearly all that are filled, are empty. Nobody fills the entry of a
    /// descriptor but who has just got its number.
    static ledger::Handle exchange_in(std::atomic<ledger::Handle>& entry, ledger::Handle handle) {
        if (entry.load(std::memory_order_relaxed) != 0)
            return entry.exchange(handle, std::memory_order_acq_rel);
        if (handle != 0) entry.store(handle, std::memory_order_release);
        return 0;
    }
    ledger::Handle exchange_beyond(int fd, ledger::Handle handle);

    const std::atomic<ledger::Handle>* page_of(int fd) const {
        return static_cast<u32>(fd) < kPageEntries ? first_page_ : other_page_of(fd);
    }
    std::atomic<ledger::Handle>* other_page_of(int fd) const {
        return covers(fd) ? pages_[static_cast<u32>(fd) / kPageEntries].load(std::memory_order_acquire)
                          : nullptr;
    }
    std::atomic<ledger::Handle>* add_page(u32 number);

    std::atomic<u32> page_end_;  ///< one more than the last page that there is, 0 for the first alone
    std::atomic<std::atomic<ledger::Handle>*> pages_[kPages];  ///< but for the first
    alignas(64) std::atomic<ledger::Handle> first_page_[kPageEntries];
};

}  // namespace leakshim::hooks
