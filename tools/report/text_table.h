// SPDX-License-Identifier: MIT
//
// The table of the text report: a row for each record, under the name of its test.
#pragma once

#include "formats.h"

namespace leakshim::tools {

/// Columns side by side where there is room, one below the other where there is not.
/// True when rules are among it.
bool write_table(const Report& report, const Style& style, const Sink& sink);

}  // namespace leakshim::tools
