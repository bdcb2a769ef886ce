// SPDX-License-Identifier: MIT
//
// Whether a run was seen at all. ld.so merely warns where a preload can't be loaded, and a report about
// nothing looks like a clean one.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "sessions.h"

namespace leakshim::tools {

/// The moment that `--since` names, ns since the epoch: a duration (`10m`) ago, or when the file of that name
/// was last changed. 0 for an empty text.
absl::StatusOr<u64> moment_of(const std::string& since);

/// Ok when a session has ended or was started since `moment`; else one sentence that says what to look for.
absl::Status check_observed(const std::vector<SessionEntry>& sessions, u64 moment);

}  // namespace leakshim::tools
