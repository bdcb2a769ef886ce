// SPDX-License-Identifier: MIT
//
// Where ledgers lie: /dev/shm/leakshim-<uid>/, or LEAKSHIM_DIR. One file `<id>.ledger` a session; beside it
// `<id>.clean` (the tombstone of a run that left nothing), `<id>.log` (what the reaper did), and `<id>.txt`
// and `<id>.hang` (a report, or the notice of a hang, that could not be printed).
#pragma once

#include "text.h"

namespace leakshim::session {

using DirectoryPath = Text<448>;

/// Finds or makes the directory that the effective user's ledgers go to. `wanted` is LEAKSHIM_DIR or empty.
/// It must be a directory of that user that nobody else can write to, and no symlink; where somebody else
/// squats the default name, one with a random suffix is made. False, with a sentence in `complaints`, when
/// there is none to be had.
bool find_directory(Str wanted, DirectoryPath& to, TextBuffer& complaints);

/// Removes a session's ledger, with what lies beside it, from the directory of ledgers open as `directory`.
void remove_session(int directory, const char* id);

}  // namespace leakshim::session
