// SPDX-License-Identifier: MIT
//
// Starting the guard: a small process that reaps when the session's root dies without having done so.
//
// Guarantees: the host can't notice it. It is no child that a wait(2) of the host could find, sends no
// SIGCHLD, shares no descriptor, pipe, terminal or process group with it, and has an environment of its own.
// Where no guard can be had the session goes on without; the header says why.
// Must never: run code of the host, or leave a signal pending for it.
#pragma once

#include "ledger.h"

namespace leakshim::session {

/// The guard's program, which lies beside the library or in `leakshim/` there.
inline constexpr Str kGuardName = "leakshim-guard";

/// Starts the guard of the session in `ledger`, whose root this process is, and waits until it is watching
/// (at most two seconds). `library` is the absolute path of libleakshim.so. The answer is in `header.guard`
/// too.
///
/// Two raw clone(2) calls, both with no exit signal: the process between ends at once and is collected here,
/// so that the guard becomes the child of whoever takes orphans.
ledger::Guard start_guard(ledger::Ledger& ledger, Str library);

}  // namespace leakshim::session
