// SPDX-License-Identifier: MIT
//
// Names of kinds, states, outcomes and counters: one table each, for reports, rules and JSON alike.
#pragma once

#include "layout.h"
#include "text.h"

namespace leakshim::ledger {

/// Name in rules and JSON (`temp_dir`). A live socket that listens is called `listening_port` there.
Str kind_name(Kind kind);
/// The kind called `name`; false when there is none. `listening_port` is Kind::socket.
bool kind_from_name(Str name, Kind& kind);
/// For people: "temporary directory".
Str kind_title(Kind kind);

Str state_name(State state);
Str counter_name(Counter counter);
Str ended_by_name(EndedBy ended_by);
Str guard_name(Guard guard);
Str stream_name(Stream stream);
/// What a stream with this st_mode is that /proc/PID/fd shows as a link to `target`. A device that is no
/// terminal is no stream of a run's own: everybody has /dev/null.
Stream stream_kind(u32 mode, Str target);
/// Why there is no guard, as the end of "no guard: "; empty when there is one, or none was asked for.
Str why_no_guard(Guard guard);

/// Short name in JSON (`kept_at_desk`), and the sentence that a person reads.
Str outcome_name(Outcome outcome);
Str outcome_text(Outcome outcome);

}  // namespace leakshim::ledger
