// SPDX-License-Identifier: MIT
//
// What whoever reads the report can do: mend the test, keep what is meant to stay, take away what is there.
//
// Short, and each thing once: four hundred equal leaks have one remedy, and need one rule.
#pragma once

#include <string_view>

#include "formats.h"

namespace leakshim::tools {

/// How the test that made it would leave none, in one sentence that holds in any language. Empty where there
/// is nothing to mend: in a session that goes on, and for what is meant to stay or goes with its process.
std::string_view remedy_for(const Report& report, const Item& item);

/// What comes below the table: commands for what is still there, and what the rules in it are for, if there
/// are any.
void write_advice(const Report& report, bool has_rules, const Style& style, const Sink& sink);

}  // namespace leakshim::tools
