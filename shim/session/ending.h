// SPDX-License-Identifier: MIT
//
// The end of a session as whoever ends it does it: the root on its way out, its guard, a later run's sweep, a
// tool. Reaps, reports, and leaves the directory of ledgers tidy.
//
// Guarantees: what the session began with decides (mode, options, rules), not the environment of who ends it.
// Must never: allocate from the heap, or run a handler of the host: signals are the caller's to block.
#pragma once

#include "options.h"
#include "reaper.h"
#include "session_end.h"

namespace leakshim::session {

/// Who ends a session, and where his words go.
struct Ending {
    ledger::Ledger& ledger;
    ledger::ThreadLease& lease;
    const Options& options;  ///< those that the session began with: settings_of()
    Str home;                ///< the user's home directory, for the built-in rules
    ledger::EndedBy how = ledger::EndedBy::unknown;
    int status = -1;          ///< what the root ends with, -1 when not known
    ledger::Handle self = 0;  ///< the caller's own process record, 0 when it has none
    bool in_root = false;     ///< the caller is the root, at its own end
    u64 ended_realtime = 0;   ///< when the root died, ns since the epoch, where that is known to be past
    int report_fd = -1;       ///< where the report goes; -1: to `<id>.txt` beside the ledger
    int progress_fd = -1;     ///< a terminal that is told what is waited for, -1 for none
    reap::Interrupt interrupted{};
    bool clearing = false;  ///< the session has ended, and is to be forgotten: Request::things_only
    bool readers = false;  ///< the session has ended, but for those whom its root left: Request::readers_only
};

struct Ended {
    reap::Finish finish = reap::Finish::done;
    int status = -1;  ///< what the root shall end with: `Ending::status`, or 24
    reap::Result result{};
};

/// Ends the session once (finish_session()): the second who comes is told that it is over. The rules are read
/// anew from the file that the session began with; where that can't be read nothing is reaped.
Ended end_session(const Ending& ending);

/// The settings that a session began with, as its header holds them. Texts point into the header, which must
/// stay mapped; what its options say wrongly was said at the start and is not said again.
void settings_of(const ledger::Header& header, Options& options);

/// A session that has ended and has nothing to show leaves a tombstone in the place of its ledger, so that an
/// older run is never shown as the newest.
void tidy(ledger::Ledger& ledger, const reap::Result& result);

/// A sink whose lines are written to `fd`, harmlessly.
reap::Sink sink_to(int fd);

}  // namespace leakshim::session
