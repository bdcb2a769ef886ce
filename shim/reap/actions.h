// SPDX-License-Identifier: MIT
//
// The action log: one line for each signal that was sent, each thing that was removed and each that was
// refused, with the identity that was checked and the evidence that the thing was the session's. Internal to
// this directory, but for the texts, which the tools print as well.
//
// Guarantees: a signal's line is written before the signal is sent, so that whoever dies at it leaves no act
// without its evidence. Where nobody wants the log, no memory is taken for it.
#pragma once

#include "arena.h"
#include "kernel.h"
#include "reader.h"
#include "reaper.h"

namespace leakshim::reap {

/// The name of a record as a person knows it: `process 12 (sleep 60)`, `temporary directory /tmp/x`.
void add_target(TextBuffer& to, const ledger::Entry& entry);

/// What tells the thing from another of the same name: `pidfd inode 4711`, `dev 0:26 inode 5 …`.
void add_identity(TextBuffer& to, const ledger::Entry& entry);

/// Why it is the session's: `registered itself as child of pid 12, in t.py::test_a`. `others` looks up the
/// maker and the scope; the entry's text must not lie in it.
void add_evidence(TextBuffer& to, const ledger::Entry& entry, ledger::Walker& others);

/// `2026-11-21T11:30:00.123Z`, from ns since the epoch.
void add_time(TextBuffer& to, u64 realtime);

class Actions {
  public:
    Actions(ledger::Ledger& ledger, Kernel& kernel, const Sink& log)
        : source_(ledger), kernel_(kernel), log_(log) {}
    ~Actions() {
        if (pages_ != nullptr) sys::munmap(pages_, sizeof(Pages));
    }
    Actions(const Actions&) = delete;
    Actions& operator=(const Actions&) = delete;

    /// A signal is about to be sent to the process of a record, through a pidfd that was just checked.
    void signalling(ledger::Handle handle, int signal);

    /// A record gets its end: logged when it was reaped, or refused.
    void settled(ledger::Handle handle, ledger::State to, ledger::Outcome outcome);

  private:
    struct Pages {
        alignas(64) char header[sizeof(ledger::Header)];
        alignas(64) char walker[sizeof(ledger::Walker)];
        alignas(64) char others[sizeof(ledger::Walker)];
        char line[8192];
    };

    void write(ledger::Handle handle, Str action, Str reason, Str checked);

    ledger::MappedSource source_;
    Kernel& kernel_;
    const Sink log_;
    Pages* pages_ = nullptr;  ///< taken with the first line
};

}  // namespace leakshim::reap
