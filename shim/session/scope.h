// SPDX-License-Identifier: MIT
//
// Reaping one scope of a session that goes on, from inside a process of it.
#pragma once

#include "reaper.h"
#include "session.h"

namespace leakshim::session {

/// Judges and reaps what belongs to `scope` (Request::scope), under the mode and the rules that the session
/// began with. The calling thread's signals are blocked meanwhile; the host's children among the reaped are
/// left for the host to wait for. Returns after at most the option `deadline` and a little.
///
/// `retire` is called when descriptors of living processes have been marked: the caller's own are to be
/// retired then, before anybody is waited for (retire_marked() in hooks/state.h).
///
/// False, with nothing done, when this process is not recording, or when another thread of it is at this.
bool reap_scope(Session& session, ledger::ThreadLease& lease, ledger::Handle scope, reap::Callback retire,
                reap::Result& result);

}  // namespace leakshim::session
