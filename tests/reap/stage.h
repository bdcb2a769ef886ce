// SPDX-License-Identifier: MIT
//
// A session for the tests of the reaper: a ledger whose root is the test itself, a place for temporary
// things, actors that play the session's processes and the bystanders, and a kernel that can be made to fail.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernel.h"
#include "reaper.h"
#include "support.h"

namespace leakshim::test {

/// A directory that goes away with all that is in it, whatever its modes. `base` decides about the file
/// system.
class Scratch {
  public:
    explicit Scratch(const std::string& base = "/dev/shm");
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    const std::string& path() const { return path_; }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

/// A process that runs tests/reap/actor.c, killed and waited for at the end.
class Actor {
  public:
    using Words = std::vector<std::string>;

    /// Starts it and waits until it is ready. `environment`: KEY=value. `input` becomes its descriptor 4.
    explicit Actor(const Words& arguments, const Words& environment = {}, int input = -1);
    ~Actor();
    Actor(const Actor&) = delete;
    Actor& operator=(const Actor&) = delete;

    /// The process that was started here.
    pid_t pid() const { return pid_; }
    /// The process that said `ready`: with `orphan` and `parent` not the one that was started here.
    pid_t speaker() const { return speaker_; }
    /// Running, also when stopped; a zombie is dead.
    bool alive() const;
    bool speaker_alive() const;
    /// All processes that descend from it and live.
    std::vector<pid_t> holders() const;
    /// True when every process that descends from it is dead. Waits for it up to `ms`.
    bool all_gone(int ms = 5000) const;

  private:
    pid_t pid_ = -1;
    pid_t speaker_ = -1;
    int pidfd_ = -1;
    int speaker_pidfd_ = -1;
    int lifeline_ = -1;  ///< read end of a pipe that every descendant holds open
};

bool is_running(pid_t pid);
u64 pidfd_inode_of(pid_t pid);

/// A session that the test is the root of.
class Stage {
  public:
    Stage();
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

    TestLedger ledger;
    Options options;  ///< reap, trees too, and short rungs
    std::function<policy::Ruling(const policy::Subject&)> rule;
    reap::Kernel real;
    reap::Kernel* kernel = &real;
    bool in_root = true;
    bool run_failed = false;
    bool again = false;
    bool things_only = false;
    u64 ended_realtime = 0;
    std::function<bool()> interrupted;
    std::vector<std::string> progress;
    std::vector<std::string> log;  ///< what was written at once

    reap::Result reap();
    /// Calls `use` with the request that reap() would make.
    void with_request(const std::function<void(const reap::Request&)>& use);

    ledger::Header& header() { return *ledger->header(); }
    /// LEAKSHIM_SESSION=…, as descendants have it.
    std::string variable() const { return "LEAKSHIM_SESSION=" + ledger.path(); }

    ledger::Handle record(pid_t pid, u8 flags = 0, ledger::Handle parent = 0);
    ledger::Handle record(const Actor& actor, u8 flags = 0) { return record(actor.pid(), flags); }
    /// A record of what is there now.
    ledger::Handle record(ledger::Kind kind, const std::string& path, u8 flags = 0);
    /// Makes a directory and its record.
    ledger::Handle make_directory(const std::string& path, mode_t mode = 0700);
    /// Makes a file and its record.
    ledger::Handle make_file(const std::string& path);
    ledger::Handle record_fd(ledger::Kind kind, int fd, u8 flags = 0);

    /// The record as it is now; kind none when it is gone.
    OwnedEntry entry(ledger::Handle handle);
    /// "state/outcome" of a record, "gone" when there is none.
    std::string fate(ledger::Handle handle);
    std::vector<OwnedEntry> entries(ledger::Kind kind);
    void add_exempt_root(const std::string& path);
};

bool exists(const std::string& path);
/// Open descriptors of this process.
size_t open_descriptors();

}  // namespace leakshim::test
