// SPDX-License-Identifier: MIT
//
// What the run left in the file system and in the kernel's IPC tables: socket files, then trees and files,
// then IPC. Internal to this directory.
#pragma once

#include "outsiders.h"

namespace leakshim::reap {

/// Judges and, where the policy says so, removes everything in `reaping.things`. Called when the processes
/// are dead.
void reap_things(Reaping& reaping);

/// One IPC object. `entry` is its record as it is now.
void reap_ipc(Reaping& reaping, Outsiders& outsiders, const Item& item, const Entry& entry);

/// The situation in which the policy decides about an item.
policy::Situation situation_of(const Reaping& reaping, const Item& item);

/// Writes down a decision that needs no action.
void settle_verdict(Reaping& reaping, const Item& item, const policy::Verdict& verdict);

/// Writes down how an unlink or its kind ended: `answer` is 0 or -errno.
void settle_answer(Reaping& reaping, const Item& item, int answer);

/// How a record's identity compares with what bears its name now.
policy::Facts::Now compare(const FileId& recorded, const FileId& found);

}  // namespace leakshim::reap
