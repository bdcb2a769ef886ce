// SPDX-License-Identifier: MIT
//
// Which sessions, and which scope, the user means. Reads, and changes nothing.
#pragma once

#include <absl/status/statusor.h>

#include <map>
#include <string>
#include <vector>

#include "arguments.h"
#include "sessions.h"

namespace leakshim::tools {

/// The sessions to reap, without tombstones. NotFound, or InvalidArgument where the name fits several.
absl::StatusOr<std::vector<SessionEntry>> choose_sessions(const Arguments& arguments);

/// The handles of the scope that `text` names: a test's whole name, else the only one that has it inside.
absl::StatusOr<std::vector<ledger::Handle>> choose_scope(ledger::Source& source, const ledger::Header& header,
                                                         const std::string& text);

}  // namespace leakshim::tools
