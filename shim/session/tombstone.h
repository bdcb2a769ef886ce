// SPDX-License-Identifier: MIT
//
// What lies beside a ledger: the tombstone `<id>.clean` of a run that left nothing, and files like
// `<id>.txt`.
#pragma once

#include "layout.h"
#include "text.h"

namespace leakshim::session {

/// Makes `<id>.<suffix>` beside the ledger at `path`, for writing; it must not be there. A descriptor of the
/// caller's, or -errno.
int open_beside(Str path, Str suffix);

/// Writes what the run was, in lines that leakshim-report reads. False when that could not be had.
bool write_tombstone(const ledger::Header& header, Str path);

}  // namespace leakshim::session
