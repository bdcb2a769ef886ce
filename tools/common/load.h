// SPDX-License-Identifier: MIT
//
// From a ledger file to a Report: every record read through ledger::Walker, judged, and joined to its
// process, its test and its tree.
//
// A record that still says "live" means something else in each state of a session:
//   live   it is there, as far as the hooks know; what living processes hold now is read from the kernel;
//   ended  it was never judged (the end ran out of time): what is still there is a leak, the rest is left out;
//   dead   the root died without reaping: the same.
#pragma once

#include "sessions.h"

namespace leakshim::tools {

/// Reads everything. Never fails: chunks that make no sense are counted in Report::broken_chunks. With
/// `measure`, trees that are still there are measured, which may take its time.
Report load_report(LedgerFile& file, TreeMeasure* measure = nullptr);

/// The report of a clean run of which only a tombstone is left.
Report load_tombstone(const SessionEntry& entry);

}  // namespace leakshim::tools
