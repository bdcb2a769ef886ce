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

/// Records a process that descends from the tool and has not registered itself. The answer is its record,
/// also where it had one; 0 when it is dead, or there is no room.
ledger::Handle record_adopted(Session& session, ledger::ThreadLease& lease, int pid, ledger::Handle parent);

/// The tool has nothing to do with its named session any more, which goes on.
void leave_named_session(Session& session, ledger::ThreadLease& lease);

}  // namespace leakshim::session
