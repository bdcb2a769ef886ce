// SPDX-License-Identifier: MIT
#include "unwound.h"

#include "hook.h"

namespace leakshim::hooks {

namespace {

using Push = void (*)(void* entry, void (*what)(void*), void* argument);
using Pop = void (*)(void* entry, int execute);

std::atomic<Push> push;
std::atomic<Pop> pop;
std::atomic<void (*)()> test_cancel;

/// This thread's entries of Ways::all, of which each knows the next.
constinit thread_local WhenUnwound* innermost __attribute__((tls_model("initial-exec"))) = nullptr;

}  // namespace

void WhenUnwound::prepare() {
    if (push.load(std::memory_order_acquire) != nullptr) return;
    auto found = reinterpret_cast<Push>(find_libc_function("_pthread_cleanup_push"));
    auto taken_back = reinterpret_cast<Pop>(find_libc_function("_pthread_cleanup_pop"));
    if (found == nullptr || taken_back == nullptr) return;
    if (find_libc_function("gnu_get_libc_version") != nullptr) {
        auto test = reinterpret_cast<void (*)()>(find_libc_function("pthread_testcancel"));
        test_cancel.store(test, std::memory_order_relaxed);
    }
    pop.store(taken_back, std::memory_order_relaxed);
    push.store(found, std::memory_order_release);
}

void be_cancelled_before_glibc() {
    auto test = test_cancel.load(std::memory_order_relaxed);
    if (test != nullptr) test();
}

WhenUnwound::WhenUnwound(void (*what)(void*), void* argument, Ways ways)
    : what_(what), argument_(argument), ways_(ways) {
    Push add = push.load(std::memory_order_acquire);
    if (add == nullptr || what == nullptr) return;
    add(entry_, run, this);
    listed_ = true;
    if (ways != Ways::all) return;
    outer_ = innermost;
    innermost = this;
}

WhenUnwound::~WhenUnwound() {
    if (!listed_) return;
    if (ways_ == Ways::all) innermost = outer_;
    pop.load(std::memory_order_relaxed)(entry_, 0);
}

/// What libc calls.
void WhenUnwound::run(void* self) {
    auto* entry = static_cast<WhenUnwound*>(self);
    if (entry->ways_ == Ways::all) innermost = entry->outer_;
    entry->what_(entry->argument_);
}

void WhenUnwound::left_by_exception() {
    if (innermost != nullptr) pop.load(std::memory_order_relaxed)(innermost->entry_, 1);
}

}  // namespace leakshim::hooks

/// Called for each frame of such a function by whoever unwinds it (Itanium C++ ABI, exception handling): once
/// in search of a handler, which we never are, and once as the frame goes. A thread that is cancelled or ends
/// is unwound by force, which libc's list is for.
extern "C" __attribute__((visibility("hidden"), used)) int leakshim_frame_left(int, int actions,
                                                                               leakshim::u64, void*, void*) {
    constexpr int kCleanupPhase = 2, kForceUnwind = 8, kContinueUnwind = 8;
    if ((actions & (kCleanupPhase | kForceUnwind)) == kCleanupPhase)
        leakshim::hooks::WhenUnwound::left_by_exception();
    return kContinueUnwind;
}
