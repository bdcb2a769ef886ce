// SPDX-License-Identifier: MIT
//
// Where ledgers of the user may lie. Must never look into a directory that another user could have prepared.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

namespace leakshim::tools {

/// The directories to look at, in order: `wanted` (LEAKSHIM_DIR) alone when it is not empty; else
/// /dev/shm/leakshim-<uid> and those with a random suffix that were made where somebody squats that name.
///
/// A directory counts when it is one (no symlink), belongs to the effective user, and nobody else can write
/// to it. A default that is not there or does not count is passed over; a `wanted` one that does not count is
/// an error in one sentence, as a relative one is, which no run takes; one that is not there is an empty
/// answer.
absl::StatusOr<std::vector<std::string>> find_ledger_directories(const std::string& wanted);

}  // namespace leakshim::tools
