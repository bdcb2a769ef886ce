// SPDX-License-Identifier: MIT
//
// The parts of a report as JSON, all but its records: what leakshim.report/1 and the lines of JSON share.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "report.h"

namespace leakshim::tools {

/// On one line, strictly UTF-8.
std::string dumped(const nlohmann::ordered_json& json);

nlohmann::ordered_json session_json(const Report& report, bool redact);
nlohmann::ordered_json summary_json(const Summary& summary);
nlohmann::ordered_json counters_json(const Report& report);
/// `key=value` pairs as they were set; what they mean is in leakshim(7).
nlohmann::ordered_json options_json(const Session& session);

}  // namespace leakshim::tools
