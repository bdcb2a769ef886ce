// SPDX-License-Identifier: MIT
//
// A session while it runs, as a table that is drawn anew each second, or as a line of JSON.
//
// Guarantees: a terminal is left as it was found, also after Ctrl-C; without one the table is printed, once a
// second and without a control character. Looking takes a tenth of the time at most, however large the ledger
// is: then there are fewer looks. Ends with the session.
#pragma once

#include <string>

#include "formats.h"
#include "snapshot.h"

namespace leakshim::tools {

/// Watches the session that `session` names, else the newest live one, until it has ended or somebody
/// interrupts. `lines`: an object of the schema leakshim.watch/1 for each look, the last one of a session
/// that is over, instead of a table. 0, or 2 when there is no such session.
int watch(const std::string& session, bool lines, const Style& style);

/// The table of one moment, and the same as JSON in one line.
std::string watch_table(const Snapshot& snapshot, u64 now_boot, const Style& style);
std::string watch_line(const Snapshot& snapshot, u64 now, const Style& style);

}  // namespace leakshim::tools
