// SPDX-License-Identifier: MIT
//
// What whoever reads the report can do: mend the test, keep what is meant to stay, take away what is there.
//
// Short, and each thing once: four hundred equal leaks have one remedy, and need one rule.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats.h"

namespace leakshim::tools {

/// How the test that made it would leave none, in one sentence that holds in any language. Empty where there
/// is nothing to mend: in a session that goes on, and for what is meant to stay or goes with its process.
std::string_view remedy_for(const Report& report, const Item& item);

/// Lines for a file of rules that keep the findings (and ignore what was merely open) in the next run as
/// well, each once, the worst first. Numbers and random parts of names are `*`, and so are secrets.
std::vector<std::string> rules_for(const Report& report);

/// The two sections below the table: commands for what is still there, and those rules.
void write_advice(const Report& report, const Style& style, const Sink& sink);

}  // namespace leakshim::tools
