// SPDX-License-Identifier: MIT
//
// The constructor of libleakshim.so.
#include <sys/auxv.h>

#include "carry.h"
#include "hook.h"
#include "lookup.h"

namespace leakshim::hooks {

namespace {

/// glibc gives constructors the arguments of main, musl gives them nothing.
bool constructors_get_arguments() {
    return find_libc_function("gnu_get_libc_version") != nullptr;
}

session::Startup with_headers(session::Startup startup) {
    auto* find = reinterpret_cast<decltype(&getauxval)>(find_libc_function("getauxval"));
    if (find == nullptr) return startup;
    startup.headers = reinterpret_cast<const void*>(find(AT_PHDR));
    startup.header_count = find(AT_PHNUM);
    return startup;
}

/// The root's own environment gets the session variable, so that all it starts has it, or knows that there is
/// no session to be had. A new array is put in place, as setenv would; the old one stays as it is.
void publish_environment() {
    session::Carried carried{the_session().preload_entry, the_session().session_entry, false, nullptr};
    if (environ == nullptr || session::carries(environ, carried)) return;
    size_t size = session::carried_size(environ, carried);
    long memory = sys::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!sys::failed(memory))
        environ = session::build_environment(environ, carried, reinterpret_cast<void*>(memory));
}

/// What LEAKSHIM_KEEP exempts does not carry the session on: its descendants are started without it, and
/// without us.
void unpublish_environment() {
    size_t count = 0;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        if (!starts_with(*entry, session::kSessionKey)) environ[count++] = *entry;
    }
    if (environ != nullptr) environ[count] = nullptr;
}

__attribute__((constructor)) void load(int, char** arguments, char** environment) {
    KeepErrno keep;
    prepare_lookup();
    if (constructors_get_arguments()) {
        start_process(with_headers({arguments, environment}));
    } else {
        start_process({nullptr, environ});
    }
    if (the_session().refused) publish_environment();
    if (the_session().options.keep) unpublish_environment();
    if (!in_session()) return;
    resolve_all();
    if (the_session().root) publish_environment();
}

}  // namespace

}  // namespace leakshim::hooks
