// SPDX-License-Identifier: MIT
//
// The names of things as they will be in the next run: what chance chose this time is a `*`. A name that is
// known to be made of a template is taken apart by that (the record says who made it, and by what kind of
// call), wherever it occurs, in command lines too; any other by what it looks like (chance.h).
#pragma once

#include <absl/container/flat_hash_map.h>

#include <optional>
#include <string>
#include <string_view>

#include "chance.h"
#include "report.h"

namespace leakshim::tools {

class LastingNames {
  public:
    /// Of what is in this report, which must not change meanwhile. Looks at each path in it once.
    explicit LastingNames(const Report& report, Use use = Use::key);

    /// The name of an item, as bytes: of a process its command line without secrets, one space between the
    /// arguments. A path that lies in a tree that was found bears the tree's name as it is in the tree's own
    /// key.
    std::string of(const Item& item) const;

    /// Any text, in which names of the report's things may occur.
    std::string in(std::string_view text) const;

    /// The same for the same leak in the next run: kind, name and test.
    std::string key_of(const Item& item) const;

  private:
    /// A path of which it is known how it was made.
    std::optional<std::string> made_from_template(const Item& item) const;
    std::string with_known_paths(std::string_view text) const;

    const Report& report_;
    Use use_;
    absl::flat_hash_map<std::string_view, std::string> known_;  ///< by path
};

}  // namespace leakshim::tools
