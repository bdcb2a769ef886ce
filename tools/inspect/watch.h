// SPDX-License-Identifier: MIT
//
// A session while it runs, as a table that is drawn anew each second.
//
// Guarantees: a terminal is left as it was found, also after Ctrl-C; without one the table is printed, once a
// second and without a control character. Ends with the session.
#pragma once

#include <string>

#include "formats.h"

namespace leakshim::tools {

/// Watches the session that `session` names, else the newest live one, until it has ended or somebody
/// interrupts. 0, or 2 when there is no such session.
int watch(const std::string& session, const Style& style);

/// The table of one moment.
std::string watch_table(const Report& report, u64 now_boot, const Style& style);

}  // namespace leakshim::tools
