// SPDX-License-Identifier: MIT
//
// The reaper: ends what a session left, in the order close → processes → sockets → trees → IPC, and writes
// what it did into the ledger. One for all three places: the root's own end, the guard, the tools.
//
// Guarantees
//  - Nothing is signalled, unlinked or removed before its identity was checked again, in the same breath.
//  - A process is signalled through a pidfd only; where there is none it is reported and left alone.
//  - Bounded: by the options `linger`, `polite`, `term` and `deadline`; by a fixed number of descriptors
//    (about a hundred at a time); by a stack of a few KiB. Memory comes from mmap(2) and is given back.
//  - In report mode nothing is touched; only the root's own sockets and pipes are closed, which end with it
//    anyway.
// Must never: allocate from the heap, throw, run a handler of the host (the caller blocks signals), act on
// what the ledger does not record or lineage does not show.
#pragma once

#include "ledger.h"
#include "policy.h"

namespace leakshim::reap {

class Kernel;

/// Where text goes. Each call is one whole line, newline included, or several.
struct Sink {
    void (*write)(void* context, Str line) = nullptr;
    void* context = nullptr;

    void operator()(Str line) const {
        if (write != nullptr) write(context, line);
    }
};

/// Asked now and then while the reaper waits.
struct Interrupt {
    bool (*raised)(void* context) = nullptr;
    void* context = nullptr;

    bool operator()() const { return raised != nullptr && raised(context); }
};

/// Called back at one point of a reap.
struct Callback {
    void (*call)(void* context) = nullptr;
    void* context = nullptr;

    void operator()() const {
        if (call != nullptr) call(context);
    }
};

/// Told of each decision about a record, as it is written down.
struct Decision {
    void (*made)(void* context, ledger::Handle handle, ledger::State state,
                 ledger::Outcome outcome) = nullptr;
    void* context = nullptr;
};

struct Request {
    ledger::Ledger& ledger;
    ledger::ThreadLease& lease;  ///< the calling thread's
    const Options& options;      ///< `reap` false: only judge
    const policy::KeepRules& rules;
    Kernel& kernel;
    ledger::Handle self = 0;  ///< the caller's own process record: the root's when it runs there, else 0
    bool in_root = false;     ///< the caller is the root, at its own end
    bool run_failed = false;  ///< for tmp=keep-on-failure
    bool again = false;       ///< also what an earlier end kept or failed to reap (leakshim-reap)
    /// With `again`: processes are left as they are, and what a rule or a mark kept stays, whatever the rules
    /// say by now. Only what the mode kept or an obstacle saved is taken once more.
    bool things_only = false;
    /// The session has ended in its root, which is gone by now: only the readers are judged that it has left
    /// alive (readers.h).
    bool readers_only = false;
    u64 ended_realtime = 0;   ///< when the session ended, ns since the epoch; 0: it ends with this call
    Sink progress{};          ///< "waiting for …" after a second; leave empty where nobody watches
    Interrupt interrupted{};  ///< true: straight to SIGKILL
    /// The action log: a line for each signal, removal and refusal, with the identity that was checked and
    /// the evidence that the thing was ours.
    Sink log{};
    /// Not 0: only what belongs to the scope of this handle (or another of the same name), in a session that
    /// goes on. Processes that were born in it, with what descends from them and registered no scope of its
    /// own, go down the ladder; its paths and IPC objects go as the mode says; its descriptors in processes
    /// that live on are retired: marked, for their process to do it at its next hook. What could not or must
    /// not be reaped stays live in the ledger, for the end of the session to judge. The caller's own process
    /// and its ancestors are never ended.
    ledger::Handle scope = 0;
    /// With `scope`: called when descriptors have been marked, so that the caller's own process can retire
    /// its own before anybody is waited for.
    Callback retire{};
    Decision decided{};
    /// Called by finish_session() when all is judged, before the session counts as ended.
    Callback judged{};
};

/// Counts over the whole ledger, as degree_of() sees it; with Request::scope, of what this call looked at.
struct Result {
    u32 errors = 0;
    u32 warnings = 0;
    u32 notes = 0;
    u32 reaped = 0;      ///< of the errors, those that are gone now
    u32 kept = 0;        ///< of the notes, those that a rule, a mark or the mode spared
    u32 failed = 0;      ///< of the errors, those that could not be or must not be reaped
    u32 unresolved = 0;  ///< intents whose maker died
    u32 retiring = 0;    ///< descriptors of living processes that have been asked for and are not retired yet
    u32 readers = 0;     ///< processes that were left alive until the root is gone: readers.h
};

/// Judges and reaps. Returns after at most `options.deadline` and a little.
Result reap(const Request& request);

/// Counts what the ledger holds now.
Result count_findings(ledger::Ledger& ledger);

}  // namespace leakshim::reap
