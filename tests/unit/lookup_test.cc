// SPDX-License-Identifier: MIT
#include "lookup.h"

#include <dlfcn.h>
#include <catch2/catch.hpp>

#include <string>

using namespace leakshim;

namespace {

constexpr const char* kNames[] = {
#define HOOK(name, family) #name,
#define ALIAS(name, target, family) #name,
#include "hooks.inc"
    "on_exit", "clock_gettime", "pthread_self", "no_such_function_anywhere"};

}  // namespace

TEST_CASE("names_are_found_where_dlsym_finds_them") {
    CHECK(hooks::look_up("close", hooks::gnu_hash("close")) == nullptr);  // nothing was prepared
    hooks::prepare_lookup();
    int found = 0;
    for (const char* name : kNames) {
        void* address = hooks::look_up(name, hooks::gnu_hash(name));
        if (address == nullptr) continue;
        CAPTURE(name);
        CHECK(address == dlsym(RTLD_NEXT, name));
        ++found;
    }
    CHECK(found >= 120);
    CHECK(hooks::look_up("no_such_function_anywhere", hooks::gnu_hash("no_such_function_anywhere")) ==
          nullptr);
}
