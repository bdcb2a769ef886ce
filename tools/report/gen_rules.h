// SPDX-License-Identifier: MIT
//
// Rules that cover what was found, ready to be put into the file that LEAKSHIM_RULES names. Whatever chance
// decides (pids, ports, random names) is `*` in them, as in the keys of findings.h, so that they hold for the
// next run too.
//
// Guarantees: each line is one that the parser of rules takes, whatever bytes a name holds; each stands below
// a comment that says what it covers. What goes with a process that a rule covers has no rule of its own.
#pragma once

#include "formats.h"

namespace leakshim::tools {

void write_rules_for(const Reports& reports, const Style& style, const Sink& sink);

}  // namespace leakshim::tools
