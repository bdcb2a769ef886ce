// SPDX-License-Identifier: MIT
//
// Processes that were forked in the session and have executed nothing since: they are known by their memory,
// which has our ledger mapped. Internal to this directory.
#pragma once

#include "reaping.h"

namespace leakshim::reap {

inline constexpr Str kSessionKey = "LEAKSHIM_SESSION=";

/// Was the process started with our session's variable in its environment?
bool carries_session(Reaping& reaping, int pid);

enum class Link : u8 { none, there, unknown };

/// Is the process linked to the session by what it has itself: our ledger in its memory, or the session
/// variable in the environment that it was started with? To be asked of who is known by a number and a time
/// of birth alone, since another process may have got that number in the same moment. Not known of whom we
/// may not look into (proc(5), maps: one that is not dumpable).
Link link_of(Reaping& reaping, int pid);

/// Makes live records of the intents of forks whose parent was killed before it knew its child's number. They
/// have it as the child says it (ledger::claim_fork()), which in another pid namespace would be somebody
/// else's here: only where it bears that number, is no older than the intent, and is linked.
void commit_newborns(Reaping& reaping);

}  // namespace leakshim::reap
