// SPDX-License-Identifier: MIT
//
// What links a process to the session by what it has itself: the environment that it was started with, and
// the ledger in its memory. Internal to this directory.
//
// In the middle of an exec a process has neither for a moment: its new memory is there, its arguments and its
// environment are not yet (the kernel's load_elf_binary()). Whoever is asked then is asked again, so that no
// process of ours is overlooked, and none that is to be kept is ended.
#pragma once

#include "reaping.h"

namespace leakshim::reap {

inline constexpr Str kSessionKey = "LEAKSHIM_SESSION=";

/// What follows `key` ("NAME=") in the environment that the process was started with; empty where it has no
/// such variable, or may not be looked at. Lies in `to`.
Str variable_of(Reaping& reaping, int pid, Str key, char* to, size_t size);

/// Was the process started with our session's variable in its environment?
bool carries_session(Reaping& reaping, int pid);

enum class Link : u8 { none, there, unknown };

/// Is the process, which was forked in the session and has no more than a number and a time of birth in its
/// record, linked to the session? Another process may have got that number in the same moment. It is by our
/// ledger in its memory, by the session variable, or by the inode of its pidfd, where its record has it by
/// now: a process writes it down before it executes something. Not known of whom we may not look into
/// (proc(5), maps: one that is not dumpable), and of whom an exec takes long.
/// `fork`: record, number, time of birth, and the inode if there is one.
Link link_of(Reaping& reaping, const Suspect& fork);

/// Makes live records of the intents of forks whose parent was killed before it knew its child's number. They
/// have it as the child says it (ledger::claim_fork()), which in another pid namespace would be somebody
/// else's here: only where it bears that number, is no older than the intent, and is linked.
void commit_newborns(Reaping& reaping);

}  // namespace leakshim::reap
