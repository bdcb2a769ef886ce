// SPDX-License-Identifier: MIT
//
// The action log: one line for each signal that was sent, each thing that was removed and each that was
// refused, with the identity that was checked and the evidence that the thing was the session's. Internal to
// this directory, but for the texts, which the tools print as well.
//
// Guarantees: a signal's line is written before the signal is sent, so that whoever dies at it leaves no act
// without its evidence. The lines of what is removed are written some twenty at a time, which are what a
// reaper that is killed can owe the log: the ledger has its word on each of them. Where nobody wants the log,
// no memory is taken for it.
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

/// Why it is the session's: `registered itself as child of pid 12, in t.py::test_a`. `makers` looks up the
/// process that made it and `tests` its scope; they may be one, and the entry's text must lie in neither.
void add_evidence(TextBuffer& to, const ledger::Entry& entry, ledger::Walker& makers, ledger::Walker& tests);

/// `2026-11-21T11:30:00.123Z`, from ns since the epoch.
void add_time(TextBuffer& to, u64 realtime);

class Actions {
  public:
    Actions(ledger::Ledger& ledger, Kernel& kernel, const Sink& log)
        : source_(ledger), kernel_(kernel), log_(log) {}
    ~Actions();
    Actions(const Actions&) = delete;
    Actions& operator=(const Actions&) = delete;

    /// A signal is about to be sent to the process of a record, through a pidfd that was just checked.
    void signalling(ledger::Handle handle, u32 generation, int signal);

    /// A record gets its end: logged when it was reaped, or refused.
    void settled(ledger::Handle handle, u32 generation, ledger::State to, ledger::Outcome outcome);

  private:
    static constexpr size_t kMaxLine = 8192;
    static constexpr size_t kFull = 4096;     ///< bytes of lines that are written at once
    static constexpr u32 kLinesPerTime = 16;  ///< the clock costs as much as a look at a file

    /// Each keeps the chunk that it looked at last: what is removed one after the other lies side by side.
    enum Which : u32 { kRecords, kMakers, kTests };
    struct Looker {
        alignas(64) char memory[sizeof(ledger::Walker)];
    };
    struct Pages {
        alignas(64) char header[sizeof(ledger::Header)];
        Looker lookers[3];
        char lines[kFull + kMaxLine];
        size_t size;  ///< of what waits in `lines`
        // What was said of the last thing that was made: most of a run's are made by one process in one test.
        char evidence[512];
        size_t evidence_size;  ///< 0: nothing was, or it was too long
        ledger::Handle maker, test;
    };

    bool write(ledger::Handle handle, u32 generation, Str action, Str reason, Str checked);
    bool find(ledger::Handle handle, u32 generation, ledger::Entry& entry);
    bool look_anew();
    void add_evidence_of(TextBuffer& to, const ledger::Entry& entry);
    void flush();
    ledger::Walker& walker(Which which) {
        return *reinterpret_cast<ledger::Walker*>(pages_->lookers[which].memory);
    }

    ledger::MappedSource source_;
    Kernel& kernel_;
    const Sink log_;
    Pages* pages_ = nullptr;  ///< taken with the first line
    bool looking_ = false;    ///< the walkers are there
    u32 lines_ = 0;
    Text<32> time_;  ///< for the lines that are written now
};

}  // namespace leakshim::reap
