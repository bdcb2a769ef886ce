// SPDX-License-Identifier: MIT
//
// All ledgers that the user may read, asked the other way round: not what is in a session, but whose a
// process, a thread, a path or a port is.
//
// A number alone is nobody's name: a process is found only when the one that bears its pid now is the one
// that was recorded.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "report.h"
#include "sessions.h"

namespace leakshim::tools {

/// A process that a ledger knows.
struct KnownProcess {
    const Report* report = nullptr;
    u32 index = kNone;  ///< in Report::processes

    const Process& process() const { return report->processes[index]; }
};

/// One record, with the session that it is in.
struct KnownItem {
    const Report* report = nullptr;
    const Item* item = nullptr;
};

class Knowledge {
  public:
    /// Reads every ledger below $LEAKSHIM_DIR or the default directories, live sessions first. What can't be
    /// read is a sentence in problems().
    Knowledge();
    /// Reads this one ledger: enough for what is asked by the session itself.
    explicit Knowledge(const std::string& ledger);

    const std::vector<std::unique_ptr<Report>>& reports() const { return reports_; }
    const std::vector<SessionEntry>& sessions() const { return sessions_; }
    const std::vector<std::string>& problems() const { return problems_; }

    /// The living process `pid`; nothing when no ledger knows it.
    std::optional<KnownProcess> process(int pid) const;

    /// The processes that bore the number, dead ones too, the newest first.
    std::vector<KnownProcess> bearers_of(int pid) const;

    /// The thread `tid` of a process.
    const Item* thread(const KnownProcess& process, int tid) const;

    /// The test that a living process belongs to: its own, or that of its nearest ancestor that is known.
    /// Empty when there is none.
    std::string test_of(int pid) const;

    /// The same for one that the ledger knows.
    std::string test_of(const KnownProcess& known) const;

    /// The session in whose tree the process is, by the same way; nullptr when there is none.
    const Report* session_of(int pid) const;

    /// Records of sockets with this port, and of paths that are `path` or lie above it, live sessions first.
    std::vector<KnownItem> items_with_port(int port) const;
    std::vector<KnownItem> items_at(std::string_view path) const;

  private:
    std::optional<KnownProcess> nearest(int pid) const;
    void read(const std::string& path);
    void add(std::unique_ptr<Report> report);

    std::vector<SessionEntry> sessions_;
    std::vector<std::unique_ptr<Report>> reports_;
    std::vector<std::string> problems_;
    absl::flat_hash_map<int, std::vector<KnownProcess>> by_pid_;
    absl::flat_hash_map<int, std::vector<KnownItem>> by_tid_;
};

}  // namespace leakshim::tools
