// SPDX-License-Identifier: MIT
//
// What a leaked process holds, read from the kernel while it lives, so that the report can show it after its
// death and the socket files of programs that the shim never saw go too. Internal to this directory.
#pragma once

#include "reaping.h"

namespace leakshim::reap {

/// Records ports, unix socket files and open regular files of the suspects from number `first` on that are
/// alive.
void record_holdings(Reaping& reaping, size_t first);

/// Gives what record_holdings() wrote the end that its process had.
void settle_holdings(Reaping& reaping);

}  // namespace leakshim::reap
