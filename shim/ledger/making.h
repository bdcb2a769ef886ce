// SPDX-License-Identifier: MIT
//
// What all kinds of records are made and let go by. Internal to this directory.
#pragma once

#include "records.h"

namespace leakshim::ledger {

/// A new record that its author is written into, with room for a tail; not published. 0 where there is no
/// room.
Handle fill(const Author& author, Kind kind, u32 tail_bytes);

/// Releases what is no longer in the index. The lease is of use in its own chunk only; elsewhere nothing is
/// written to it: its page may be shared with a child since a fork, and would be copied.
bool release_record(const Author& author, Handle handle, u32 generation);

}  // namespace leakshim::ledger
