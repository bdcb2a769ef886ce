// SPDX-License-Identifier: MIT
//
// The guard's word about a run that does not end: leakshim-report, started once for each notice, explains it
// in the run's standard error.
//
// Must never: outlast the root, hold anything of the guard's that the guard does not hold, or keep the guard
// from its duty: one that is stuck is killed.
#pragma once

#include "types.h"

namespace leakshim {

/// Starts leakshim-report for the ledger at `path`, whose run has made no progress for `waited` ns, and waits
/// until it has ended, for at most half a minute, or until `pidfd` (the root's; -1: process `root`) says that
/// the root is dead. Nothing happens where the program is missing.
void give_hang_notice(const char* path, u64 waited, int pidfd, int root);

}  // namespace leakshim
