// SPDX-License-Identifier: MIT
//
// The end of a process, by whichever way out a hook or handler sees.
#pragma once

#include "state.h"

namespace leakshim::hooks {

/// The process ends with `status`. In the root the session ends here; elsewhere what is still open is
/// counted. Returns the status to end with. Does its work once.
int leave_process(int status, ledger::EndedBy how);

/// Writes down what the threads of this process run that are still there, and their names of now. In the
/// root, before its session ends. Async-signal-safe.
void describe_threads();

/// Registers what runs after every destructor and exit handler (on_exit, __cxa_at_quick_exit).
void register_final_handlers();

}  // namespace leakshim::hooks
