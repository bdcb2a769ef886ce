// SPDX-License-Identifier: MIT
//
// Processes whose death nobody of the session sees: their parent has no hooks (a static test runner), or died
// before them. Each that leaves looks after one that left a while ago, so that a suite of a hundred thousand
// such processes leaves a ledger as large as what is live.
#pragma once

#include "records.h"

namespace leakshim::ledger {

/// The live process `process`, the caller's own, is about to exit. Where no parent will say so it is noted,
/// and the record of the one that was noted kDepartures earlier is ended if it is still there and its number
/// is nobody's (kill(2), ESRCH): one that hangs on its way out is left for the session's end to judge. One
/// system call at most, none where the parent has hooks. Async-signal-safe.
void note_departure(const Author& author, Handle process);

}  // namespace leakshim::ledger
