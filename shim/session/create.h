// SPDX-License-Identifier: MIT
//
// Making a new session: the root's part of start().
#pragma once

#include "session.h"

namespace leakshim::session {

/// Makes the ledger of a new session and fills its header. False, with a sentence in `complaints`, when there
/// is no place for one.
bool create_session(Session& session, const Startup& startup, TextBuffer& complaints);

/// Characters of a session's id: hexadecimal digits, the first eight of which are the pid of its root.
inline constexpr size_t kIdSize = 32;

/// The pid that the id of a session names, 0 when it is no id.
int root_pid_of(Str id);

/// The session that a ledger of another user's follows (follow.h).
struct Followed {
    Str id;
    int root_pid = 0;
};

/// Makes a ledger in `directory` for those of a session who run as our user. 0, or -errno: -EEXIST when there
/// is one. It is not sealed yet.
int create_following(Session& session, const Startup& startup, Str directory, const Followed& followed);

/// True when a program of this name may start a session (option `roots`).
bool may_start_session(const Options& options, const Startup& startup);

}  // namespace leakshim::session
