// SPDX-License-Identifier: MIT
//
// The rules in force at a session's end: the file that LEAKSHIM_RULES names, then the built-in ones.
#pragma once

#include "options.h"
#include "policy.h"

namespace leakshim::session {

/// Reads the rules anew. `home` is the user's home directory. What was wrong with the file is said in
/// `complaints`, one sentence a line. The result refers to static memory: one session's end a process.
policy::KeepRules read_rules(const Options& options, Str home, TextBuffer& complaints);

/// Lines about the rules of the file that matched, and those that never did; empty when there is no file.
void print_rule_hits(TextBuffer& to);

}  // namespace leakshim::session
