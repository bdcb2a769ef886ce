// SPDX-License-Identifier: MIT
//
// A process of a session that runs as another user (su, setpriv, an entry point that gives up its rights)
// can't write to the session's ledger, and must not: whoever dropped his rights could else forge records for
// the reaper of somebody with more. It goes on in a ledger of its own user.
//
// That ledger has the same id as the one that could not be joined, the same root, and no end in any process
// of its own: its guard, which runs as the same user, ends it when the root is dead, with that user's rights.
#pragma once

#include "session.h"

namespace leakshim::session {

/// Attaches the session's ledger of our own user to the one at `path`, which belongs to somebody else, and
/// makes it when we are the first to come. False, with nothing attached, when there is none to be had: the
/// root that the id of `path` names is no living ancestor of ours, or there is no directory for it.
bool attach_following_ledger(Session& session, const Startup& startup, Str path);

}  // namespace leakshim::session
