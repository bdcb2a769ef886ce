// SPDX-License-Identifier: MIT
//
// Changing a word that only one thread and its signal handlers write.
#pragma once

#include <atomic>

#include "types.h"

namespace leakshim {

/// compare_exchange_strong() against signal handlers of the calling thread alone: on x86 the instruction
/// without its lock prefix, which no signal can come between and which does not wait for earlier stores.
/// Elsewhere the atomic one. Another thread that writes to `word` in that very moment may have its change
/// undone.
inline bool replace_alone(std::atomic<u32>& word, u32 expected, u32 desired) {
#ifdef __x86_64__
    bool done;
    asm volatile("cmpxchgl %[desired], %[word]"
                 : "=@ccz"(done), [word] "+m"(word), "+a"(expected)
                 : [desired] "r"(desired)
                 : "memory");
    return done;
#else
    return word.compare_exchange_strong(expected, desired, std::memory_order_acq_rel);
#endif
}

/// That, or where others may write to the word the atomic one.
template <bool alone>
bool replace(std::atomic<u32>& word, u32 expected, u32 desired) {
    if constexpr (alone)
        return replace_alone(word, expected, desired);
    else
        return word.compare_exchange_strong(expected, desired, std::memory_order_acq_rel);
}

}  // namespace leakshim
