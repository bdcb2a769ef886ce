// SPDX-License-Identifier: MIT
//
// How many records of a report there are of each degree and state.
#pragma once

#include "report.h"

namespace leakshim::tools {

/// Counted anew from the records: a saved report may claim anything.
Summary summary_of(const Report& report);

}  // namespace leakshim::tools
