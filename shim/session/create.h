// SPDX-License-Identifier: MIT
//
// Making a new session: the root's part of start().
#pragma once

#include "session.h"

namespace leakshim::session {

/// Makes the ledger of a new session and fills its header. False, with a sentence in `complaints`, when there
/// is no place for one.
bool create_session(Session& session, const Startup& startup, TextBuffer& complaints);

/// True when a program of this name may start a session (option `roots`).
bool may_start_session(const Options& options, const Startup& startup);

}  // namespace leakshim::session
