// SPDX-License-Identifier: MIT
//
// Points in time and durations as reports show them. All input is nanoseconds, and may be any number: a
// ledger is hostile.
#pragma once

#include <string>

#include "types.h"

namespace leakshim::tools {

/// `2025-11-21T08:12:03.123456Z`, from nanoseconds since the epoch.
std::string iso_time(u64 realtime_ns);

/// `2025-11-21 08:12:03`, in the zone of whoever reads.
std::string local_time(u64 realtime_ns);

/// `+0.00s`, `+12.3s`, `+4m05s`, `+2h03m`: a short span, for a column.
std::string short_span(u64 ns);

}  // namespace leakshim::tools
