// SPDX-License-Identifier: MIT
//
// What a session could not see, could not record, or only summed up: said in every report, since a report
// that is silent about its blind spots passes for a complete one.
#pragma once

#include <string>

#include "formats.h"

namespace leakshim::tools {

/// The lines of the report; none when there is nothing to say.
void write_blind(const Report& report, const Style& style, const Sink& sink);

/// For the last line, in the words of the run's own report: `2 static programs, 14 records dropped (no
/// room)`, or `none`.
std::string blind_words(const Report& report);

}  // namespace leakshim::tools
