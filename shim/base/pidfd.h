// SPDX-License-Identifier: MIT
//
// Which process a pidfd names, in a form that tells it from another one that gets its number later.
#pragma once

#include "types.h"

namespace leakshim {

/// The inode of `pidfd`: no other process since boot has had it. 0 where the kernel has no pidfs (before
/// Linux 6.9), which numbered all of them alike; that is found out by fstatfs(2), until pidfs was seen once.
/// Async-signal-safe.
u64 pidfd_inode(int pidfd);

}  // namespace leakshim
