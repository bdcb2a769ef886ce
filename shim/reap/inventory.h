// SPDX-License-Identifier: MIT
//
// Which processes of the session are still there, and which process a pid means. Internal to this directory.
#pragma once

#include "reaping.h"

namespace leakshim::reap {

/// Walks the ledger once: processes that are alive become suspects, those that are not are ended in the
/// ledger; what the root has open, bound sockets, paths and IPC objects are listed.
void take_inventory(Reaping& reaping);

/// Asks of all that are alive once more whether they are exempt: a process that was looked at just before it
/// executed something else has another command, environment and mark since.
void exempt_again(Reaping& reaping);

/// Lists paths and IPC objects anew, after processes had time to make and remove some.
void list_things_again(Reaping& reaping);

/// Looks through /proc for processes of the session that the inventory does not know, until a pass finds no
/// more: children of suspects, orphans with the session variable, and those that registered themselves
/// meanwhile. They become suspects and records. Returns how many.
u32 find_descendants(Reaping& reaping);

/// False when the ledger shows that there can't be any that did not register.
bool may_have_unknown_descendants(Reaping& reaping);

/// A pidfd of the very process that the suspect stands for, checked after it was opened. Otherwise -ESRCH
/// when that process is gone (also when its pid means another one now), or why no pidfd is to be had.
int open_suspect(Reaping& reaping, const Suspect& suspect);

/// For systems without pidfds: true when the process is gone or a zombie, by /proc.
bool looks_dead(Reaping& reaping, const Suspect& suspect);

/// Makes `suspect` known, also to its descendants. False when there is no memory.
bool add_suspect(Reaping& reaping, const Suspect& suspect);

/// True when the running process is the one that the record was made for. For kernels that don't number
/// pidfds, and for a fork that executed nothing, whose record has no such number.
inline bool started_as_recorded(const Entry& entry, const ProcessStat& stat) {
    return entry.b != 0 ? stat.start == entry.b : stat.start <= entry.born + kTick;
}

/// True when the record was made for the process that `suspect` is, as far as numbers and times say it.
bool is_record_of(const Suspect& suspect, const Entry& entry);

}  // namespace leakshim::reap
