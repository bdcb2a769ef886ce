// SPDX-License-Identifier: MIT
//
// What a scope has left: found in the tables of this process and in the ledger, and judged one by one.
//
// Guarantees: nothing here allocates, locks or changes a record. A thing counts only if the kernel agrees
// that it is there: a path still is the same file, a process still the same process and no zombie, a
// descriptor open.
#pragma once

#include "proc.h"
#include "record.h"

namespace leakshim::hooks {

/// A record as it was when it was found, its line being somebody's at any time.
struct Finding {
    Handle handle = 0;
    u32 word = 0;  ///< Record::state
    ledger::Record* record = nullptr;
    Kind kind = Kind::none;
};

/// Walks over what was made in one scope (0: in any) and has not been released: the descriptors of this
/// process first, by number, then threads, processes, paths and IPC objects in the order of the ledger. The
/// walk over the ledger is over when as many are found as the scope knows to be live: with none it does not
/// begin.
class ScopeWalk {
  public:
    explicit ScopeWalk(Handle scope, u64 cursor = 0) : scope_(scope), cursor_(cursor) {}

    /// The next record, judged by nobody yet. False at the end.
    bool next(Finding& finding);
    /// Where a later walk can go on.
    u64 cursor() const { return cursor_; }

  private:
    bool next_descriptor(Finding& finding);
    bool next_in_ledger(Finding& finding);
    bool next_in_chunk(u32 chunk, u32& line, Finding& finding);
    bool belongs(const ledger::Record& record) const;

    Handle scope_;
    u64 cursor_;
    u64 seen_ = 0;
};

/// True when the thing is there and nobody wants it: a leak, if its time is up.
bool is_leak(const Finding& finding);

/// The process that bears the record's number, of which /proc says `stat`, is the one that was recorded.
bool is_that_process(const ledger::Record& record, const ProcessStat& stat);

/// The process of this record lives: the very process that was recorded, and no zombie.
bool process_lives(const ledger::Record& record);

/// This process, or one that it descends from: never a leak of a scope that it is in itself.
bool is_self_or_ancestor(Handle process);

/// Waits, for at most `limit` ns, until every process that was started in the session has registered: one
/// that its parent has left behind may not have come to its first instruction.
void wait_for_arrivals(u64 limit);

/// Children of this thread that have not registered yet and that nobody has noted become known.
void know_own_children();

/// Waits, for at most about `limit` ns, for threads and processes of the scope that are on their way out.
/// Returns how long, in ns: 0 when there was nothing to wait for.
u64 linger_for(Handle scope, u64 limit);

}  // namespace leakshim::hooks
