// SPDX-License-Identifier: MIT
//
// A process that confines itself is left alone from then on; see confined.cc.
#pragma once

#include "state.h"

namespace leakshim::hooks {

/// Is this a system call, by its number and first argument, that confines the process?
bool confines(long number, long a);

/// Did it, by its second argument and its result?
bool confined_by(long number, long b, long result);

/// Stops recording without a system call, for good: in a process whose recording() was true just before
/// (`recorded`), or in a vfork child, while its parent goes on.
void leave_confined(bool recorded);

/// Makes a call that confines the process.
template <typename Call>
auto confine(long number, long b, Call real) {
    bool recorded = recording();
    auto result = real();
    if (confined_by(number, b, static_cast<long>(result))) leave_confined(recorded);
    return result;
}

/// Does the calling process live under a filter of its own?
inline bool is_confined() {
    return process_state.confined || thread_state.confined != 0;
}

/// A vfork child is gone, and with it what it did to itself.
inline void forget_confined_child() {
    if (thread_state.confined > thread_state.vforked) thread_state.confined = 0;
}

}  // namespace leakshim::hooks
