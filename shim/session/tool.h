// SPDX-License-Identifier: MIT
//
// Sessions that a tool starts or joins for a command (leakshim-run), rather than a process that the shim is
// loaded into.
//
// A session without a name has the tool as its root, which ends it with end(). One with a name has no root:
// the tool is an ordinary process of it, and leaves it as it ends.
#pragma once

#include "session.h"

namespace leakshim::session {

struct ToolStart {
    /// Of the command to be run: its arguments, and an environment that holds the settings in force.
    Startup command;
    Str library;         ///< absolute path of libleakshim.so
    Str name;            ///< of a named session, else empty
    Str tool_command;    ///< the tool's own command line, NUL after each argument
    Str ledger_to_join;  ///< of the named session that goes on already; empty: a new one is made
};

/// Reads the settings, makes or joins the session, registers the tool and starts the guard. False, with a
/// sentence in `complaints`, when there is no session to be had; then nothing is left behind. Wrong settings
/// are sentences in `complaints` too. With LEAKSHIM=off or LEAKSHIM_KEEP=1 there is no session either: the
/// stage becomes `off`, and the answer is true.
bool start_for_tool(Session& session, ledger::ThreadLease& lease, const ToolStart& start,
                    TextBuffer& complaints);

/// Records a directory that the tool has made for the command to put temporary things in: it is removed as a
/// whole at the session's end. 0 when the ledger has no room.
ledger::Handle record_private_directory(Session& session, ledger::ThreadLease& lease, Str path);

/// Records a child of the tool that was given to it as an orphan, and has not registered itself; nothing when
/// it has.
void record_adopted(Session& session, ledger::ThreadLease& lease, int pid);

/// Records every process of a named session that did not register itself and can be seen from here, as the
/// reaper would find it: children of this tool above all, which they are no more once it has ended. Then the
/// tool leaves the session. Touches nothing.
void leave_named_session(Session& session, ledger::ThreadLease& lease);

}  // namespace leakshim::session
