// SPDX-License-Identifier: MIT
//
// What every hook body is made of.
//
// A body always has the same shape:
//
//     HOOK_BODY(int, dup, (int fd)) {
//         int copy = REAL(dup)(fd);                     // the real call, with errno as it leaves it
//         if (copy >= 0) note_dup(fd, copy);            // does nothing where nothing is recorded
//         return copy;
//     }
//
// What makes something is recorded after it succeeded; what releases something retires the record before the
// real call, since another thread may get the same number at once. Recording never touches errno (it makes
// raw system calls only), so the errno of the real call is what the host sees; a body that makes the real
// call twice puts back the errno from before the first one, as the second may succeed.
//
// Rules for all code in this folder: no heap, no lock, no stdio, no getenv, no exit or abort, no call of a
// libc function but through REAL(). A hook may run before our constructor, after every destructor, in a
// signal handler, inside malloc, and between vfork and exec (there recording() is false, since the memory is
// the parent's).
#pragma once

#include <dlfcn.h>
#include <errno.h>

#include "state.h"
#include "undeclared.h"

namespace leakshim::hooks {

/// One id for each function with an address of its own (aliases share their target's).
enum class Hook : u32 {
#define HOOK(name, family) name,
#define ALIAS(name, target, family)
#include "hooks.inc"
    count
};

inline constexpr u32 kHookCount = static_cast<u32>(Hook::count);

/// Addresses of the real functions, 0 where not resolved yet.
extern std::atomic<void*> real_addresses[kHookCount] __attribute__((visibility("hidden")));

/// Looks a function up behind us (dlsym(3), RTLD_NEXT) and remembers it. Where libc has none, the address of
/// a function that fails with ENOSYS. Idempotent; any number of threads and signal handlers may do it at
/// once.
void* resolve(Hook hook);

/// Makes sure that no function need be looked up by dlsym(3) at a moment at which it must not be called;
/// called by our constructor.
void resolve_all();

/// A libc function that is no hook (on_exit, pthread_key_create, …), nullptr when libc has none.
void* find_libc_function(const char* name);

/// Every body comes here just before its real call, when it has made no descriptor yet: the place to retire
/// what is asked for.
inline void* real_address(Hook hook) {
    if (retirement_asked()) [[unlikely]]
        retire_marked();
    void* address = real_addresses[static_cast<u32>(hook)].load(std::memory_order_relaxed);
    return address != nullptr ? address : resolve(hook);
}

/// The errno of the host, put back when the scope ends.
class KeepErrno {
  public:
    KeepErrno() : saved_(errno) {}
    ~KeepErrno() { errno = saved_; }
    KeepErrno(const KeepErrno&) = delete;
    KeepErrno& operator=(const KeepErrno&) = delete;

  private:
    int saved_;
};

}  // namespace leakshim::hooks

#define LEAKSHIM_EXPORT __attribute__((visibility("default"), used))

/// The real function behind ours, with the type of its declaration.
#define REAL(name) \
    (reinterpret_cast<decltype(&::name)>(::leakshim::hooks::real_address(::leakshim::hooks::Hook::name)))

/// Defines the hook of libc's `name`. In C++ it is called hook_<name>, since the name itself is declared in a
/// header with attributes that must not apply to our own body; the symbol is `name`.
#define HOOK_BODY(type, name, parameters)                                  \
    extern "C" LEAKSHIM_EXPORT type hook_##name parameters __asm__(#name); \
    type hook_##name parameters

/// The same body under a second symbol.
#define HOOK_ALIAS(type, name, target, parameters) \
    extern "C" LEAKSHIM_EXPORT type hook_##name parameters __asm__(#name) __attribute__((alias(#target)))
