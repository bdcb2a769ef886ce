// SPDX-License-Identifier: MIT
//
// The name of a function in another process.
#pragma once

#include <string>

#include "types.h"

namespace leakshim::tools {

/// `worker_main`, or `libx.so+0x1234` where no symbol tells, or the bare address. C++ names are readable.
/// Looks at the files that the process has mapped, at no debug information and at no server that has some.
std::string symbol_at(int pid, u64 address);

}  // namespace leakshim::tools
