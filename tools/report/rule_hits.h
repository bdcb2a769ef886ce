// SPDX-License-Identifier: MIT
//
// What came of the rules: how often each matched, which were of no use, which are out of date or at their
// maximum. For people at the end of the text, for programs as a list.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "formats.h"
#include "saved_field.h"

namespace leakshim::tools {

/// A title and a line for each rule; nothing where there are none. Of those of no use only a few, unless all
/// is asked for.
void write_rules(const std::vector<RuleHits>& rules, const Style& style, const Sink& sink);

nlohmann::ordered_json rules_json(const std::vector<RuleHits>& rules);

/// What rules_json() wrote. Throws Unfit.
std::vector<RuleHits> read_rules(const Field& from);

}  // namespace leakshim::tools
