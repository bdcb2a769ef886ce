// SPDX-License-Identifier: MIT
//
// What is mounted below a directory, for kernels whose openat2(2) can't keep a walk on one mount. Internal.
#pragma once

#include "reaping.h"

namespace leakshim::reap {

/// True when something is mounted at or below `name` in the directory `dirfd`; also when that can't be found
/// out.
bool has_mounts_below(Reaping& reaping, int dirfd, const char* name);

}  // namespace leakshim::reap
