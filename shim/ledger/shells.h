// SPDX-License-Identifier: MIT
//
// Shells that libc starts by itself (system(3), popen(3)): whoever calls that leaves word in the index of the
// test that it is in, for the shell to find by the command that it is given. Nothing of that needs to stand
// in an environment, which other threads read and change while the command runs.
//
// All functions are lock-free and async-signal-safe. Two calls with one command, at one time and in two
// tests, can't be told apart: the later one counts.
#pragma once

#include "records.h"

namespace leakshim::ledger {

/// What the shell that runs `command` for the process `parent` is found by.
u64 shell_key(Handle parent, Str command);

/// The command in the arguments of a shell (each with its NUL) that may have been started so; false for any
/// others.
bool find_shell_command(Str arguments, Str& command);

/// Before the shell is started: it belongs to author.scope, which may be none.
void tell_shell(const Author& author, u64 key);
/// In the shell: true, with the scope in `scope`, when it was told.
bool was_shell_told(Ledger& ledger, Handle parent, u64 key, Handle& scope);
/// And when it has its record.
inline void answer_as_shell(Ledger& ledger, u64 key, Handle shell) {
    ledger.index_insert(key, shell);
}
/// After it was waited for: ends the record of each such shell that is dead, and takes the word back. True
/// when there was one.
bool forget_shell(const Author& author, u64 key, int status);

}  // namespace leakshim::ledger
