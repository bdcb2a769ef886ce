// SPDX-License-Identifier: MIT
//
// What a new session does for those before it, before its first test: ends the sessions whose root and guard
// are both gone (a power cut, `kill -9 -1`), and clears away those that ended long ago.
//
// Guarantees: each session is ended under its own mode, options and rules, with its own evidence; one that
// lives, or that can't be judged from here (another pid namespace), is left alone. No descriptor and no
// memory stays. Must never: touch the host's own session, or run a handler of the host (signals are blocked).
#pragma once

#include "options.h"

namespace leakshim::session {

/// Sweeps the directory of ledgers, which is the effective user's own. `options` are those of the new
/// session: in report mode nothing is ended. A sentence about each session that was ended and had left
/// something goes to fd 2 where that is a terminal; the report is beside its ledger in any case.
///
/// Of the ended ones `options.keep_ledgers` stay for leakshim-report. What an older one kept at the desk (its
/// temporary trees) goes with it, unless it was asked to keep them.
void sweep_directory(Str directory, const Options& options);

}  // namespace leakshim::session
