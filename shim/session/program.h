// SPDX-License-Identifier: MIT
//
// What is about to be executed, as far as its file shows. Async-signal-safe, bounded stack, for a vfork child
// too.
#pragma once

#include "text.h"

namespace leakshim::session {

/// A program, by its ELF header, mode and capabilities.
enum class Program {
    ordinary,       ///< dynamic and of our class, or nothing that could be looked at
    other_class,    ///< dynamic, of another class or machine: ld.so would print an error about our library
    static_linked,  ///< the shim can't be in it
    set_id,         ///< set-user-ID, set-group-ID or with capabilities: ld.so ignores LD_PRELOAD
};

/// Looks at `path` (below `dirfd`), through the interpreters of scripts.
Program inspect_program(int dirfd, const char* path);

/// Looks for `file` in `path` (a value of $PATH, no data when there is none) as execvp does; `to` gets the
/// path of the first that can be executed, or `file` itself when it has a slash or there is none.
void find_in_path(const char* file, Str path, TextBuffer& to);

}  // namespace leakshim::session
