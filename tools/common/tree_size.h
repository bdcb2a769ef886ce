// SPDX-License-Identifier: MIT
//
// How much a temporary tree takes: a build farm runs out of inodes long before anybody looks at names.
// Looks, and never touches.
#pragma once

#include <chrono>
#include <string>

#include "types.h"

namespace leakshim::tools {

struct TreeSize {
    u64 bytes = 0;      ///< allocated, as du(1) counts: a hard link within the tree once
    u64 inodes = 0;     ///< its own included
    bool whole = true;  ///< false: there is more, which could not be read or was too much to look at
};

/// Measures trees one after the other, and stops for good when it has looked at as many names, or for as
/// long, as a report may cost. Crosses no mount and follows no link.
class TreeMeasure {
  public:
    TreeSize of(const std::string& path);

  private:
    bool is_over();

    u64 names_ = 0;
    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace leakshim::tools
