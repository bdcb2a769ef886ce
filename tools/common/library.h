// SPDX-License-Identifier: MIT
//
// Where libleakshim.so is: beside the tool that asks, wherever the two were installed or built.
#pragma once

#include <absl/status/statusor.h>

#include <string>

namespace leakshim::tools {

/// The absolute path of the library: `wanted` when it is not empty, else the one that lies where it belongs
/// seen from the running program. An error in one sentence when it is not there, can't be read, or when
/// LD_PRELOAD could not name it (ld.so(8) takes colons and spaces as separators); and when `wanted` is no
/// leakshim for this machine.
absl::StatusOr<std::string> find_library(const std::string& wanted);

}  // namespace leakshim::tools
