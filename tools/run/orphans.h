// SPDX-License-Identifier: MIT
//
// The orphans that leakshim-run is given. At the session's end they are found as its children; but when
// leakshim-run is killed before, they go on to somebody else's, and nothing tells any more that one was ours
// which no hook has seen. So those are recorded as they come, and the guard finds them in the ledger.
#pragma once

#include <sys/types.h>

#include <vector>

#include "session.h"

namespace leakshim::tools {

class Orphans {
  public:
    /// `childless`: this process had no children before the command; else it may be given what those leave
    /// behind, and nothing tells the two apart.
    Orphans(session::Session& session, ledger::ThreadLease& lease, bool childless)
        : session_(session), lease_(lease), childless_(childless) {}

    /// Looks at this process's children but `command` and `other`, and records those that have not registered
    /// themselves although they had time to. One small read(2) when there are none.
    void look(pid_t command, pid_t other);

    /// Records all that have not registered themselves, with what descends from them: the last look before
    /// this process ends and its session goes on.
    void look_for_the_last_time();

  private:
    bool is_known(pid_t pid) const;
    void record_tree(pid_t pid, ledger::Handle parent);

    session::Session& session_;
    ledger::ThreadLease& lease_;
    const bool childless_;
    std::vector<pid_t> known_;  ///< children that have a record
};

}  // namespace leakshim::tools
