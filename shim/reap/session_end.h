// SPDX-License-Identifier: MIT
//
// The end of a session, once: whoever is first (the root on its way out, its guard, a later run's sweep)
// takes it, reaps, and leaves the result in the header.
#pragma once

#include "layout.h"
#include "reaper.h"

namespace leakshim::reap {

/// Exit status of a leaky run under LEAKSHIM=…,fail that would else have ended with 0.
inline constexpr int kLeakStatus = 24;

enum class Finish {
    done,           ///< we ended it; the result is filled
    ended_already,  ///< the result is what the ledger holds
    in_progress,    ///< another living process is at it
    not_ours,  ///< it runs, or ran, in another pid namespace of this boot: nothing can be judged from here
};

/// Ends the session: takes it (`end_pid` by compare and swap, also from one that died at it), sets the phase
/// to ending, calls reap(), stores counts, `ended_by`, `exit_status` and times, and sets the phase to ended.
///
/// `exit_status` is what the root wants to end with, -1 when not known. What it shall end with is stored in
/// `header.exit_status`, and returned by final_status().
///
/// With `request.again` a session that has ended is taken once more: its counts change, its times don't.
///
/// A session of another boot has no processes any more: its trees are reaped, its IPC objects are gone.
Finish finish_session(const Request& request, ledger::EndedBy ended_by, i32 exit_status, Result& result);

/// `status`, or 24 when it is 0, the session's mode has `fail`, and there were errors.
int final_status(const ledger::Header& header, int status, const Result& result);

}  // namespace leakshim::reap
