// SPDX-License-Identifier: MIT
//
// Whether a session goes on. One answer for all who ask: the sweep at the start of a run, the tools, and the
// reaper when it meets another session's things.
#pragma once

#include "kernel.h"
#include "reader.h"

namespace leakshim::reap {

enum class Liveness : u8 {
    live,       ///< its root, its guard or whoever is ending it lives; or it has a name and is not ended
    dead,       ///< nobody is left to end it, or it ran before the last boot
    ended,      ///< judged and closed
    elsewhere,  ///< runs, or ran, in another pid namespace of this boot: pids mean other processes there
};

/// Judges the session whose checked header copy (read_header()) is `header`; `source` gives the root's
/// record, which holds the identity of the root. Nobody is taken for dead by his number alone where the
/// kernel numbers pidfds. Looks, and changes nothing.
Liveness judge_liveness(Kernel& kernel, ledger::Source& source, const ledger::Header& header);

/// True when the session ran since the last boot.
bool same_boot(Kernel& kernel, const ledger::Header& header);

/// Inode of /proc/self/ns/pid, 0 when it can't be read.
u64 own_pid_namespace(Kernel& kernel);

}  // namespace leakshim::reap
