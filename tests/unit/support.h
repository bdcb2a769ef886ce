// SPDX-License-Identifier: MIT
//
// What the unit tests share: a directory and a ledger that go away with the test, children that run a
// function and say with their status how it went, and an audit that holds a ledger against what layout.h
// promises.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "reader.h"
#include "records.h"

namespace leakshim::test {

/// A new directory under /dev/shm (or $TMPDIR where there is none), removed with all that is in it.
class TempDir {
  public:
    TempDir();
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;

    const std::string& path() const { return path_; }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

/// A sealed ledger with a record for this process. In a forked child it goes on with the parent's record
/// until become_child().
class TestLedger {
  public:
    /// `path` is made; without one the ledger lies in a directory of its own.
    explicit TestLedger(const std::string& path = {});
    ~TestLedger();
    TestLedger(const TestLedger&) = delete;
    TestLedger& operator=(const TestLedger&) = delete;

    ledger::Ledger& operator*() { return *ledger_; }
    ledger::Ledger* operator->() { return ledger_.get(); }
    const std::string& path() const { return path_; }
    ledger::ThreadLease& lease() { return lease_; }
    ledger::Handle process() const { return lease_.process; }

    /// Records made by this process, through `lease` or through the ledger's own.
    ledger::Author author() { return author(lease_); }
    ledger::Author author(ledger::ThreadLease& lease);
    /// A lease for another thread of this process.
    ledger::ThreadLease thread_lease() const { return {0, 0, lease_.process, lease_.image}; }
    /// First thing in a forked child: it gets a record and a lease of its own.
    void become_child();
    u64 counter(ledger::Counter counter);

  private:
    std::unique_ptr<TempDir> dir_;
    std::string path_;
    std::unique_ptr<ledger::Ledger> ledger_;
    ledger::ThreadLease lease_;
};

/// A copy of an Entry that stays when its walker goes on.
struct OwnedEntry : ledger::Entry {
    explicit OwnedEntry(const ledger::Entry& entry) : ledger::Entry(entry), words(entry.text) {
        text = words;
    }
    OwnedEntry(const OwnedEntry& other) : ledger::Entry(other), words(other.words) { text = words; }
    OwnedEntry& operator=(const OwnedEntry&) = delete;
    std::string words;
};

/// All records of the ledger file `path`. What is wrong with its structure is put into words in `faults`.
std::vector<OwnedEntry> read_ledger(const std::string& path, std::string& faults);

/// The structure alone: "" when it is sound. Only to be asked while nobody writes.
std::string audit(const std::string& path);

/// Lines of the ledger that count as taken and hold no record. None may be left while nobody writes, but for
/// what was being written by those who were killed.
u32 lost_lines(const std::string& path);

/// Runs `body` in a forked child and returns the wait status. The child ends in _exit(body()).
int in_child(const std::function<int()>& body);
/// The same without waiting: the pid.
pid_t start_child(const std::function<int()>& body);
int wait_for(pid_t pid);

/// True for a child that ended with status 0.
bool succeeded(int wait_status);

/// A small random generator with a seed of its own, so that a failure comes again.
class Random {
  public:
    explicit Random(u64 seed) : state_(seed) {}
    u64 next() { return state_ = hash_pair(state_, 1); }
    u64 below(u64 limit) { return next() % limit; }

  private:
    u64 state_;
};

void write_file(const std::string& path, const std::string& bytes);
std::string read_whole_file(const std::string& path);

}  // namespace leakshim::test
