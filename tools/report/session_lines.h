// SPDX-License-Identifier: MIT
//
// The list of sessions as lines of JSON, beside the formats that show it in one piece (formats.h).
#pragma once

#include "formats.h"

namespace leakshim::tools {

/// Each line is what leakshim.sessions/1 has of one session.
void write_json_session_lines(const std::vector<SessionEntry>& sessions, const Style& style,
                              const Sink& sink);

}  // namespace leakshim::tools
