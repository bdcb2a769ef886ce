// SPDX-License-Identifier: MIT
//
// A process that confines itself is left alone from then on; see confined.cc.
#pragma once

#include "types.h"

namespace leakshim::hooks {

/// Is this a system call, by its number and first argument, that confines the process?
bool confines(long number, long a);

/// Did it, by its second argument and its result?
bool confined_by(long number, long b, long result);

/// Stops recording without a system call, for good. Only when recording() was true just before.
void leave_confined();

}  // namespace leakshim::hooks
