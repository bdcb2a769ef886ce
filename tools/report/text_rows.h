// SPDX-License-Identifier: MIT
//
// Which records the text report shows, and in which order: grouped by test, below each process what it made
// and holds (test → process → port → socket file → tree), and no more than fit on a screen.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report.h"

namespace leakshim::tools {

struct Row {
    u32 item = 0;        ///< index in Report::items
    u32 depth = 0;       ///< 0: directly below its test
    std::string branch;  ///< the lines of the tree before its name, `│ └ `; empty at depth 0
    std::string below;   ///< the same for further lines of the record
};

struct Group {
    std::string_view test;  ///< without the phase that pytest appends; empty: outside of any test
    std::vector<Row> rows;
    u64 errors = 0, warnings = 0, records = 0;  ///< of the whole group, shown or not
};

/// Records of one kind and degree that found no room.
struct Hidden {
    std::string_view title;
    policy::Degree degree = policy::Degree::note;
    u64 count = 0;
};

struct RowPlan {
    std::vector<Group> groups;   ///< in the order of their first record, those outside of tests last
    std::vector<Hidden> hidden;  ///< worst first
    u64 hidden_tests = 0;        ///< of which no record found room
};

/// Picks at most `limit` records (0: all). Errors come before warnings and notes, no kind crowds out another,
/// and no test the next one. Always ends, whatever cycles a hostile ledger has among its processes. `unicode`
/// picks the lines of the tree.
RowPlan plan_rows(const Report& report, size_t limit, bool unicode);

}  // namespace leakshim::tools
