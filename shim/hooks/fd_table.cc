// SPDX-License-Identifier: MIT
#include "fd_table.h"

#include "sys.h"

namespace leakshim::hooks {

namespace {

using Entry = FdTable::Entry;

constexpr u32 kStretch = 16;  // entries that are looked at in one go

bool is_empty(const Entry* stretch) {
    using Words [[gnu::may_alias]] = u64;
    const auto* words = reinterpret_cast<const Words*>(stretch);
    u64 all = 0;
#pragma GCC unroll 8
    for (u32 i = 0; i < kStretch * sizeof(Entry) / sizeof(u64); ++i)
        all |= __atomic_load_n(words + i, __ATOMIC_RELAXED);
    return all == 0;
}

/// The first entry from `at` on, kPageEntries when there is none. Most stretches of a page are empty.
u32 next_in_page(const Entry* page, u32 at) {
    while (at < FdTable::kPageEntries) {
        if (at % kStretch == 0 && is_empty(page + at)) {
            at += kStretch;
            continue;
        }
        if (page[at].load(std::memory_order_acquire) != 0) break;
        ++at;
    }
    return at;
}

}  // namespace

int FdTable::next(u32 from) const {
    u32 number = from / kPageEntries, at = from % kPageEntries;
    u32 end = page_end_.load(std::memory_order_acquire);
    for (; number == 0 || number < end; ++number, at = 0) {
        const Entry* page = page_of(static_cast<int>(number * kPageEntries));
        u32 found = page == nullptr ? kPageEntries : next_in_page(page, at);
        if (found < kPageEntries) return static_cast<int>(number * kPageEntries + found);
    }
    return -1;
}

FdTable::Page* FdTable::all_pages() {
    Page* pages = pages_.load(std::memory_order_acquire);
    if (pages != nullptr) return pages;
    long memory =
        sys::mmap(nullptr, kPages * sizeof(Page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (sys::failed(memory)) return nullptr;
    auto* made = reinterpret_cast<Page*>(memory);
    if (pages_.compare_exchange_strong(pages, made, std::memory_order_acq_rel)) return made;
    sys::munmap(made, kPages * sizeof(Page));
    return pages;
}

FdTable::Entry* FdTable::add_page(u32 number) {
    Page* pages = all_pages();
    if (pages == nullptr) return nullptr;
    long memory = sys::mmap(nullptr, kPageEntries * sizeof(ledger::Handle), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (sys::failed(memory)) return nullptr;
    auto* page = reinterpret_cast<Entry*>(memory);
    Entry* expected = nullptr;
    bool ours = pages[number].compare_exchange_strong(expected, page, std::memory_order_acq_rel);
    u32 end = page_end_.load(std::memory_order_relaxed);
    while (end <= number && !page_end_.compare_exchange_weak(end, number + 1, std::memory_order_acq_rel)) {
    }
    if (ours) return page;
    sys::munmap(page, kPageEntries * sizeof(ledger::Handle));
    return expected;
}

void FdTable::raise_own_end(u32 end) {
    u32 now = own_end_.load(std::memory_order_relaxed);
    while (now < end && !own_end_.compare_exchange_weak(now, end, std::memory_order_relaxed)) {
    }
}

FdTable::Entry* FdTable::other_entry(int fd) const {
    Entry* page = other_page_of(fd);
    return page == nullptr ? nullptr : page + static_cast<u32>(fd) % kPageEntries;
}

ledger::Handle FdTable::exchange(int fd, ledger::Handle handle) {
    if (!covers(fd)) return 0;
    Entry* at = entry(fd);
    if (at == nullptr && handle != 0) {
        Entry* page = add_page(static_cast<u32>(fd) / kPageEntries);
        if (page != nullptr) at = page + static_cast<u32>(fd) % kPageEntries;
    }
    if (at == nullptr) return 0;
    if (handle != 0) raise_own_end(static_cast<u32>(fd) + 1);
    // Most entries that are cleared or filled are empty; as in fill().
    if (at->load(std::memory_order_relaxed) != 0) return at->exchange(handle, std::memory_order_acq_rel);
    if (handle != 0) at->store(handle, std::memory_order_release);
    return 0;
}

bool FdTable::replace(int fd, ledger::Handle expected, ledger::Handle handle) {
    Entry* at = entry(fd);
    return at != nullptr && at->compare_exchange_strong(expected, handle, std::memory_order_acq_rel);
}

}  // namespace leakshim::hooks
