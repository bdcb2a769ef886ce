// SPDX-License-Identifier: MIT
//
// Our own tools, told from all other programs by an ELF note that they bear.
#pragma once

#include "session.h"

namespace leakshim::session {

/// Our own tools are no part of any run. leakshim-run has a session of its own to start, which the hooks must
/// not turn back into the one around it; and whoever exported LD_PRELOAD does not want leakshim-report to
/// leave a newer report than the one that it shows.
bool is_own_tool(const Startup& startup);

}  // namespace leakshim::session
