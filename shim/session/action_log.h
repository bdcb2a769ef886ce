// SPDX-License-Identifier: MIT
//
// The file that the reaper's action log goes to: `<id>.log` beside the ledger, made with its first line, so
// that a clean run leaves none. Every end of a session appends to it; it goes with its session.
#pragma once

#include "reaper.h"

namespace leakshim::session {

class ActionLog {
  public:
    /// `ledger`: path of the ledger; it must stay as long as this does.
    explicit ActionLog(Str ledger) : ledger_(ledger) {}
    ~ActionLog();
    ActionLog(const ActionLog&) = delete;
    ActionLog& operator=(const ActionLog&) = delete;

    /// For Request::log. Good as long as this is.
    reap::Sink sink() { return {write, this}; }

  private:
    static void write(void* self, Str line);

    static constexpr int kUntried = -1;
    Str ledger_;
    int fd_ = kUntried;
};

}  // namespace leakshim::session
