// SPDX-License-Identifier: MIT
//
// Ending processes: wait, ask politely, ask, stop, kill; all at once, to a fixpoint. Internal to this
// directory.
#pragma once

#include "reaping.h"

namespace leakshim::reap {

/// Waits until every suspect that `pending` names is dead, `until` (boottime) or, where `impatient`, the user
/// presses Ctrl-C once more. True when they are.
bool wait_for_deaths(Reaping& reaping, u64 until, bool (*pending)(const Suspect&), bool impatient = true);

/// Ends all suspects that are alive and everything that descends from them. Afterwards each is dead, or
/// spared with the reason.
void climb_ladder(Reaping& reaping);

/// What a process is asked with politely: SIGINT when it has a handler for that (structured-concurrency
/// runtimes shut down cleanly on SIGINT, not on SIGTERM), else SIGTERM when it has one; 0 when it has
/// neither, ignores or blocks it.
int polite_signal(const ProcessSignals& signals);

}  // namespace leakshim::reap
