// SPDX-License-Identifier: MIT
//
// Which file the code at an address comes from, and where the stack of this thread lies: read from
// /proc/self/maps (proc(5)) when an address is met that is not known yet.
//
// Guarantees: async-signal-safe, no lock that anybody waits for (who comes while another thread reads gets no
// answer), no heap. What was unloaded and replaced by something else at the same address is not noticed.
#pragma once

#include "frames.h"

namespace leakshim::hooks {

/// A stretch of memory, [start, end).
struct Range {
    u64 start = 0, end = 0;
    bool holds(u64 address) const { return address >= start && address < end; }
};

/// The frame of the code at `address`; its module is interned in the ledger. False when it can't be known
/// now. Only when recording().
bool find_frame(u64 address, ledger::Frame& frame);

/// The mapping around `address`, empty when there is none that can be read and written.
Range find_mapping(u64 address);

/// Where the library itself lies.
bool is_own_code(u64 address);

}  // namespace leakshim::hooks
