// SPDX-License-Identifier: MIT
//
// Whether a run gets on (the option hang=DURATION). For the guard, and for leakshim-run where there is none.
//
// A run counts as hanging when for DURATION nothing was recorded or released in its ledger, no process of it
// was started or ended, and its first process with all that descends from it has used less than a hundredth
// of the time of one processor, and was never seen ready to run. What waits for the network or sleeps on
// purpose looks the same: the notice says what is waited for, and nothing is done about it.
//
// Must never: change anything, or wait.
#pragma once

#include "ledger.h"

namespace leakshim::session {

class Progress {
  public:
    /// `root`: the process that counts, with its descendants. A `patience` of 0 turns all of this off.
    Progress(ledger::Ledger& ledger, int root, u64 patience);

    /// False when nothing is asked any more: it is off, or was said often enough.
    bool watched() const { return patience_ != 0 && said_ < kMostNotices; }
    /// How long to wait before the next look, in ns.
    u64 pause() const;
    /// Looks once. True when it is time to say that the run hangs: at most three times in a run, each after
    /// twice the time of the one before.
    bool look();
    /// How long it had waited when it last was time to say so, in ns.
    u64 waited() const { return patience_ / 2; }

  private:
    static constexpr u32 kMostNotices = 3;
    u64 trace() const;

    ledger::Ledger& ledger_;
    int root_;
    u64 patience_;
    u64 since_;      ///< CLOCK_MONOTONIC of the last progress: time in suspension is nobody's
    u64 trace_ = 0;  ///< of the ledger then
    u64 used_ = 0;   ///< processor time until then
    u32 said_ = 0;
};

/// What a process and all that descends from it do.
struct Work {
    u64 processor_time = 0;  ///< ns, of those that were waited for too
    bool ready = false;      ///< a thread runs, or would if there were a processor for it
};

/// Where the kernel does not list children, that of all processes: rather too much than too little.
Work work_of_tree(int pid);

}  // namespace leakshim::session
