// SPDX-License-Identifier: MIT
//
// The few lines that the root prints when its run leaked: each leak with kind, name, test and what was done,
// and a last line with the numbers. Nothing at all when there is nothing to say. The whole report is
// leakshim-report's.
#pragma once

#include "reaper.h"

namespace leakshim::reap {

/// Prints to `sink`, line by line, each beginning with `leakshim: ` (the last: `SUMMARY: leakshim: `). True
/// when something was printed. Reads the ledger only.
bool print_brief(ledger::Ledger& ledger, const Result& result, const Sink& sink);

}  // namespace leakshim::reap
