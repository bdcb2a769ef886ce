// SPDX-License-Identifier: MIT
#include "fd_table.h"

#include "sys.h"

namespace leakshim::hooks {

std::atomic<ledger::Handle>* FdTable::add_page(u32 number) {
    long memory = sys::mmap(nullptr, kPageEntries * sizeof(ledger::Handle), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (sys::failed(memory)) return nullptr;
    auto* page = reinterpret_cast<std::atomic<ledger::Handle>*>(memory);
    std::atomic<ledger::Handle>* expected = nullptr;
    if (pages_[number].compare_exchange_strong(expected, page, std::memory_order_acq_rel)) return page;
    sys::munmap(page, kPageEntries * sizeof(ledger::Handle));
    return expected;
}

ledger::Handle FdTable::exchange_beyond(int fd, ledger::Handle handle) {
    if (!covers(fd)) return 0;
    std::atomic<ledger::Handle>* page = other_page_of(fd);
    if (page == nullptr) {
        if (handle == 0) return 0;
        page = add_page(static_cast<u32>(fd) / kPageEntries);
        if (page == nullptr) return 0;
    }
    return exchange_in(page[static_cast<u32>(fd) % kPageEntries], handle);
}

bool FdTable::replace(int fd, ledger::Handle expected, ledger::Handle handle) {
    std::atomic<ledger::Handle>* page = static_cast<u32>(fd) < kPageEntries ? first_page_ : other_page_of(fd);
    if (page == nullptr) return false;
    return page[static_cast<u32>(fd) % kPageEntries].compare_exchange_strong(expected, handle,
                                                                             std::memory_order_acq_rel);
}

}  // namespace leakshim::hooks
