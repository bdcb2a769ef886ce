// SPDX-License-Identifier: MIT
//
// Makes ledgers for the tests of the tools, through the very functions that the shim writes with, so that a
// test never knows a byte of the layout. A ledger may say anything: that its root died, that a process leaked
// a port.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "records.h"

namespace leakshim::test {

/// A directory of its own under $TMPDIR, mode 0700, removed with all that is in it.
class ScratchDirectory {
  public:
    ScratchDirectory();
    ~ScratchDirectory();
    ScratchDirectory(const ScratchDirectory&) = delete;
    ScratchDirectory& operator=(const ScratchDirectory&) = delete;

    const std::string& path() const { return path_; }
    std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

  private:
    std::string path_;
};

/// Says what became of a record.
struct Fate {
    ledger::State state = ledger::State::live;
    ledger::Outcome outcome = ledger::Outcome::none;
};

/// One ledger under construction. The session is live, its root this very process, until told otherwise.
class LedgerBuilder {
  public:
    /// Makes `<directory>/<id>.ledger`. `id` is filled up with zeroes to 32 digits.
    LedgerBuilder(const std::string& directory, std::string_view id,
                  std::vector<std::string> command = {"pytest", "tests"});

    const std::string& path() const { return path_; }
    ledger::Header& header() { return *ledger_.header(); }
    ledger::Handle root() const { return root_; }

    /// From here on records are made in this test; empty for none.
    LedgerBuilder& in_test(std::string_view name);

    ledger::Handle process(int pid, const std::vector<std::string>& command, Fate fate,
                           ledger::Handle parent = 0, u8 flags = 0);
    ledger::Handle path_record(ledger::Kind kind, std::string_view path, Fate fate, ledger::Handle owner = 0,
                               FileId id = {1, 2, 3, 4});
    /// An internet socket of the IPv4 loopback address.
    ledger::Handle socket(int fd, int type, u16 port, u8 flags, Fate fate, ledger::Handle owner = 0);
    ledger::Handle descriptor(ledger::Kind kind, int fd, std::string_view path, Fate fate,
                              ledger::Handle owner = 0);
    ledger::Handle thread(int tid, std::string_view name, Fate fate);
    ledger::Handle sysv(ledger::Kind kind, int id, u64 key, Fate fate);

    /// That a process held the run's own stdout (1) or stderr (2), which was such a thing.
    void holds_output(ledger::Handle process, int fd, ledger::Stream stream);

    /// The file of rules that the session was given, and what came of one of them.
    void rules(std::string_view file);
    void rule(const ledger::RuleTally& rule);

    LedgerBuilder& count(ledger::Counter counter, u64 by);

    /// Gives the root another pid in the ledger, so that what is printed does not depend on this process's.
    void call_root(int pid);
    /// The root ended `after_ns` after its start, and everything was judged. Counts what there is.
    void end(u64 after_ns, int status, ledger::EndedBy how = ledger::EndedBy::exit);
    /// Makes it one of those that several commands share.
    void call_session(std::string_view name);
    /// The root was killed: its pid is that of a process which is gone.
    void kill_root();

    ledger::Record& record(ledger::Handle handle) { return *ledger_.at(handle); }

  private:
    ledger::Author author(ledger::Handle owner);
    void finish(ledger::Handle handle, Fate fate);

    std::string path_;
    // Larger than a stack should hold; what it has mapped stays mapped, as in a host.
    std::unique_ptr<ledger::Ledger> owned_ = std::make_unique<ledger::Ledger>();
    ledger::Ledger& ledger_ = *owned_;
    ledger::ThreadLease lease_;
    ledger::Handle root_ = 0;
    ledger::Handle scope_ = 0;
    u64 now_ = 0;
};

/// The first `chunks in use` bytes of a ledger: all that it says, without the hole behind it.
std::string content_of(const std::string& path);

}  // namespace leakshim::test
