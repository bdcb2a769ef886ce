// SPDX-License-Identifier: MIT
//
// Reading back what `leakshim-report --json` wrote, so that the reports of many shards can be shown as one,
// in any format.
//
// The file is taken for hostile: whoever can write an artifact of a job may have made it. Everything is
// checked and bounded, and a file that makes no sense is refused as a whole in one sentence. What a saved
// report names is on another machine, or long gone: nothing here looks any of it up.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "report.h"

namespace leakshim::tools {

/// Whether the file begins as JSON does. False also when it can't be read.
bool looks_saved(const std::string& path);

/// The sessions in a saved report: one, or as many as were merged into it. Errors in one sentence, for exit
/// status 3.
absl::StatusOr<std::vector<Report>> read_saved_report(const std::string& path);

}  // namespace leakshim::tools
