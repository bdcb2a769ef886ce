// SPDX-License-Identifier: MIT
//
// The rules in force at a session's end: the file that LEAKSHIM_RULES names, then the built-in ones.
#pragma once

#include "options.h"
#include "policy.h"
#include "records.h"
#include "session.h"

namespace leakshim::session {

struct Rulebook {
    policy::KeepRules rules;
    /// False when the file that the session was given could not be read, or not to its end, or has a line
    /// that makes no sense: something that it keeps may be unknown, so nothing may be reaped.
    bool complete = true;
};

/// Reads the rules anew. `home` is the user's home directory. What was wrong with the file is said in
/// `complaints`, one sentence a line. The result refers to static memory: it is good until the next call.
Rulebook read_rules(const Options& options, Str home, TextBuffer& complaints);

/// The rules in a session that goes on, read once a process, by whoever asks first. nullptr while that one is
/// at it: another thread, or this one below the signal handler that asks.
const Rulebook* rules_in_force(Session& session);

/// A line about rule `number` (from 0) of the file, whether it matched or never did; nothing about a line
/// that makes no sense, which was complained of. False when there is none.
bool print_rule_hits(u32 number, TextBuffer& to);

/// True when a rule of the file matched something.
bool any_rule_hit();

/// Writes what came of each rule into the ledger, for the report: of all those in the file, and of the
/// built-in ones that matched. What an earlier end of the session wrote is out of date then.
void record_rule_hits(const ledger::Author& author);

}  // namespace leakshim::session
