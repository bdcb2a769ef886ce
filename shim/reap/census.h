// SPDX-License-Identifier: MIT
//
// Who belongs to a session that goes on: its processes are looked for as at its end, and recorded; nothing is
// touched.
#pragma once

#include "reaper.h"

namespace leakshim::reap {

/// Records the processes of the session that did not register themselves and that a link seen from here shows
/// to be its own, with the ports and socket files that they hold. Returns how many. For the moment before
/// such a link is lost: a parent that is about to end, and whose orphans are nobody's then.
u32 record_processes(const Request& request);

}  // namespace leakshim::reap
