// SPDX-License-Identifier: MIT
//
// The rules that the text report shows with what it shows: each keeps the very thing in the next run too, and
// as little else as can be.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <string>
#include <string_view>
#include <vector>

#include "lasting_names.h"
#include "report.h"

namespace leakshim::tools {

class RuleBook {
  public:
    /// For these of the report's items, by index. What is shown is few, so that a report of a million leaks
    /// costs no million rules.
    RuleBook(const Report& report, std::vector<u32> items);

    /// Lines for a file of rules that keep the findings (and ignore what was merely open), each once, the
    /// worst first. Numbers and random parts of names are `*`, and so are secrets.
    std::vector<std::string> lines() const;
    /// The one of them that keeps an item; empty where there is nothing that a rule could be for.
    std::string line_for(u32 item) const;

  private:
    /// The tests of one glob, as a glob.
    struct Tests {
        std::string common;
        bool several = false;
        void add(const std::string& test);
    };

    void add(const Report& report, const LastingNames& names, u32 item);
    void drop_covered();
    std::string line_of(const std::string& name) const;

    std::vector<std::string> names_;  ///< kind and glob, in the order of `lines`
    absl::flat_hash_map<std::string, Tests> tests_;
    absl::flat_hash_map<std::string, std::string> covered_;  ///< by the wider one
    absl::flat_hash_map<u32, std::string> of_item_;
};

/// Errors, warnings, and what only the mode kept: what somebody may want to change something about.
bool is_finding(const Item& item);

/// It has no life of its own: a port or descriptor of another process that is reported itself.
bool goes_with_its_process(const Report& report, const Item& item);

}  // namespace leakshim::tools
