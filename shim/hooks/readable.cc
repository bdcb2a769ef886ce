// SPDX-License-Identifier: MIT
#include "readable.h"

#include <sys/uio.h>

#include <atomic>

#include "sys.h"

namespace leakshim::hooks {

namespace {

constexpr u64 kRemembered = 64;
constexpr u64 kLowest = 65536;          // nobody may map what lies below (mmap_min_addr)
constexpr u64 kHighest = u64{1} << 56;  // what lies above is the kernel's on every machine

/// Page numbers that were readable when they were last asked about, each in the one place that it may have.
constinit std::atomic<u64> pages[kRemembered]{};

/// Has the kernel read eight bytes as a signal mask, for a change that there is none of: -EFAULT or -EINVAL.
[[gnu::cold]] long read_as_a_mask(u64 address) {
    constexpr long kNoSuchChange = -1;
    return sys::call(SYS_rt_sigprocmask, kNoSuchChange, static_cast<long>(address & ~u64{7}), 0, 8);
}

/// process_vm_readv of ourselves copies a byte or says EFAULT; unlike rt_sigprocmask with such a pointer,
/// known as a cheaper way to ask, it does not make valgrind complain of the host.
[[gnu::cold, gnu::noinline]] bool ask(u64 address) {
    if (address < kLowest || address >= kHighest) return false;
    char byte;
    struct iovec to {
        &byte, 1
    }, from{reinterpret_cast<void*>(address), 1};
    long answer = sys::call(SYS_process_vm_readv, sys::getpid(), sys::ptr(&to), 1, sys::ptr(&from), 1, 0);
    // A filter or an emulator may refuse it.
    if (answer < 0 && answer != -EFAULT) answer = read_as_a_mask(address);
    if (answer == -EFAULT) return false;
    u64 page = address / kPageSize;
    pages[page % kRemembered].store(page, std::memory_order_relaxed);
    return true;
}

}  // namespace

bool readable(const void* at) {
    u64 page = reinterpret_cast<u64>(at) / kPageSize;
    if (page != 0 && pages[page % kRemembered].load(std::memory_order_relaxed) == page) return true;
    return ask(reinterpret_cast<u64>(at));
}

bool readable_text(const char* text) {
    for (;;) {
        if (!readable(text)) return false;
        for (u64 end = next_page(text); reinterpret_cast<u64>(text) != end; ++text) {
            if (*text == '\0') return true;
        }
    }
}

bool readable_array(char* const* array) {
    if (array == nullptr) return true;
    for (; readable(array); ++array) {
        if (*array == nullptr) return true;
        if (!readable_text(*array)) return false;
    }
    return false;
}

}  // namespace leakshim::hooks
