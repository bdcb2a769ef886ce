// SPDX-License-Identifier: MIT
//
// Commands, ready to paste, for what a session left and what is still there.
#pragma once

#include "formats.h"

namespace leakshim::tools {

/// Nothing when all is gone. What has changed since is not named, nor what a saved report tells of: its names
/// and numbers may be those of another machine.
void write_commands(const Report& report, const Style& style, const Sink& sink);

}  // namespace leakshim::tools
