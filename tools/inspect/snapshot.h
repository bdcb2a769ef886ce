// SPDX-License-Identifier: MIT
//
// What a session has at one moment, counted by kind and by test.
//
// Guarantees: one walk over the ledger and no text but the names of tests, so that it can be taken again and
// again while a run with a million records goes on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sessions.h"

namespace leakshim::tools {

/// How many there are, and when the first and the last of them were made (CLOCK_BOOTTIME ns).
struct Tally {
    u64 count = 0;
    u64 oldest = ~u64{0}, newest = 0;

    void add(u64 born) {
        ++count;
        oldest = born < oldest ? born : oldest;
        newest = born > newest ? born : newest;
    }
};

struct Snapshot {
    struct OfKind {
        std::string_view name, title;  ///< for programs, and for people
        Tally tally;
    };
    struct OfTest {
        std::string name;  ///< without the phase that pytest appends; empty: outside of any test
        Tally tally;
    };

    std::string id;
    SessionState state = SessionState::live;
    std::vector<std::string> command;
    u64 started = 0;       ///< ns since the epoch
    u64 started_boot = 0;  ///< the same moment on CLOCK_BOOTTIME
    u64 total = 0;
    std::vector<OfKind> kinds;  ///< by title
    std::vector<OfTest> tests;  ///< those with the most first
};

/// Of what is live, and of what was found to be more than that; of a session that has ended, of what its
/// report shows.
Snapshot take_snapshot(LedgerFile& file);

}  // namespace leakshim::tools
