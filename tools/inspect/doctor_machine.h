// SPDX-License-Identifier: MIT
//
// The doctor's findings about the machine: room for ledgers, and what the kernel allows.
//
// Guarantees: what is tried is tried in a child, or taken back.
#pragma once

#include "checks.h"

namespace leakshim::tools {

/// Where ledgers will lie: `wanted` (LEAKSHIM_DIR), or /dev/shm where that is empty.
void check_ledger_room(const std::string& wanted, std::vector<Check>& to);

/// pidfds, subreapers, ptrace.
void check_kernel(std::vector<Check>& to);

/// User namespaces, and being pid 1.
void check_namespaces(std::vector<Check>& to);

}  // namespace leakshim::tools
