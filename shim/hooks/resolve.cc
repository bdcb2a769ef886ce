// SPDX-License-Identifier: MIT
//
// Finding the real functions. No lock and no once-flag: a lookup always gives the same address, so whoever
// comes first, and however often, stores the same word.
#include "hook.h"
#include "lookup.h"

namespace leakshim::hooks {

std::atomic<void*> real_addresses[kHookCount];

namespace {

struct Row {
    TableText<32> name;
    bool required;
    u32 hash;
};

constexpr Row kRows[kHookCount] = {
#define HOOK(name, family) {#name, true, gnu_hash(#name)},
#define OPTIONAL(name, family) {#name, false, gnu_hash(#name)},
#define ALIAS(name, target, family)
#include "hooks.inc"
};

/// Stands in for a function that this libc does not have. Whoever calls it imported the name from us alone.
long not_in_this_libc() {
    errno = ENOSYS;
    return -1;
}

}  // namespace

void* resolve(Hook hook) {
    auto number = static_cast<u32>(hook);
    KeepErrno keep;
    void* address = look_up(kRows[number].name, kRows[number].hash);
    if (address == nullptr) address = look_up_slowly(kRows[number].name, kRows[number].hash);
    if (address == nullptr) address = reinterpret_cast<void*>(&not_in_this_libc);
    real_addresses[number].store(address, std::memory_order_relaxed);
    return address;
}

void resolve_all() {
    // A look-up of ours is safe anywhere. Most programs call a dozen of the functions: theirs is the time.
    if (lookup_is_whole()) return;
    for (u32 i = 0; i < kHookCount; ++i) {
        // A lookup that fails allocates memory (dlerror(3)); where that may happen, the first call resolves.
        if (kRows[i].required && real_addresses[i].load(std::memory_order_relaxed) == nullptr) {
            resolve(static_cast<Hook>(i));
        }
    }
}

void* find_libc_function(const char* name) {
    u32 hash = gnu_hash(name);
    void* address = look_up(name, hash);
    if (address != nullptr) return address;
    KeepErrno keep;
    return look_up_slowly(name, hash);
}

}  // namespace leakshim::hooks
