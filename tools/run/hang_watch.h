// SPDX-License-Identifier: MIT
//
// The option hang=DURATION where there is no guard that could see to it: leakshim-run is the first process of
// a container, the session has a name and no root, or guard=0.
#pragma once

#include <sys/types.h>

#include "progress.h"
#include "session.h"

namespace leakshim::tools {

class HangWatch {
  public:
    /// Of the command's progress, in a session that records. Does nothing where the guard does it.
    HangWatch(session::Session& session, pid_t command);

    /// ns until the next look; `otherwise` when there is none.
    u64 time_left(u64 otherwise) const;
    /// Looks when it is time to, and says what it found on standard error, or beside the ledger where that is
    /// not the one that the run began with.
    void look();

  private:
    session::Session& session_;
    const pid_t command_;
    session::Progress progress_;
    u64 next_;  ///< boottime
};

}  // namespace leakshim::tools
