// SPDX-License-Identifier: MIT
//
// Descriptors across an exec: the memory with our table goes, the descriptors that are not CLOEXEC stay, and
// so do their records.
#pragma once

#include "ledger.h"

namespace leakshim::hooks {

/// Before an exec: chains the records of this process's descriptors behind its process record, where the new
/// image finds them. An exec that fails leaves a chain that nobody reads.
void chain_own_fds();

/// In the new image: descriptors that are still open go into the table, the others were closed by the exec.
void adopt_inherited_fds();

}  // namespace leakshim::hooks
