// SPDX-License-Identifier: MIT
#include "unwound.h"

#include "hook.h"

namespace leakshim::hooks {

namespace {

using Push = void (*)(void* entry, void (*what)(void*), void* argument);
using Pop = void (*)(void* entry, int execute);

std::atomic<Push> push;
std::atomic<Pop> pop;

}  // namespace

void WhenUnwound::prepare() {
    if (push.load(std::memory_order_acquire) != nullptr) return;
    auto found = reinterpret_cast<Push>(find_libc_function("_pthread_cleanup_push"));
    auto taken_back = reinterpret_cast<Pop>(find_libc_function("_pthread_cleanup_pop"));
    if (found == nullptr || taken_back == nullptr) return;
    pop.store(taken_back, std::memory_order_relaxed);
    push.store(found, std::memory_order_release);
}

WhenUnwound::WhenUnwound(void (*what)(void*), void* argument) {
    Push add = push.load(std::memory_order_acquire);
    if (add == nullptr || what == nullptr) return;
    add(entry_, what, argument);
    listed_ = true;
}

WhenUnwound::~WhenUnwound() {
    if (listed_) pop.load(std::memory_order_relaxed)(entry_, 0);
}

}  // namespace leakshim::hooks
