// SPDX-License-Identifier: MIT
//
// The call stacks of a ledger, put into words.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <string>
#include <vector>

#include "reader.h"
#include "symbolizer.h"

namespace leakshim::tools {

/// Collects stacks and modules while a ledger is read; a stack is symbolised when somebody asks for it first.
class StackTable {
  public:
    /// A record of Kind::scope with flag kStack or kModule.
    void add(const ledger::Entry& entry);

    /// The site that the program said together with the stack; 0 when it said nothing, `site` itself when it
    /// is no stack.
    ledger::Handle site_of(ledger::Handle site) const;

    /// The frames of a stack, the innermost first. Empty when `site` is none.
    std::vector<SourceFrame> frames_of(ledger::Handle site, Symbolizer& symbolizer) const;

  private:
    struct Stack {
        ledger::Handle site = 0;
        std::string frames;
    };
    absl::flat_hash_map<ledger::Handle, Stack> stacks_;
    absl::flat_hash_map<ledger::Handle, std::string> modules_;
};

}  // namespace leakshim::tools
