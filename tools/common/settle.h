// SPDX-License-Identifier: MIT
//
// What has become of things that a ledger calls live, after its session is over. Looks, and never touches.
#pragma once

#include <string>

#include "process_facts.h"
#include "reader.h"

namespace leakshim::tools {

/// Where glibc and the kernel keep a named IPC object, and a path itself.
std::string path_of_name(ledger::Kind kind, std::string_view name);

/// Judges records that were left live. Keeps what it has read of the System V tables; make a new one to look
/// anew.
class Settler {
  public:
    /// `same_boot`: processes and IPC objects of the ledger can still be there. `visible`: processes can be
    /// seen from here (same PID namespace).
    Settler(bool same_boot, bool visible) : same_boot_(same_boot), visible_(visible) {}

    /// A record of a path or an IPC object: sets the state to `leaked` (still there), `kept` (marked as
    /// wanted) or `gone`, with the outcome that says why.
    void settle_persistent(ledger::Entry& entry);

    /// Whether a name still names the thing that was recorded. Of paths and IPC objects with a name.
    bool is_still_there(ledger::Kind kind, std::string_view name, const FileId& recorded);

    /// Whether the process of the record is still that process, and alive.
    bool lives(const ledger::Entry& process) const;

  private:
    enum class Found { same, other, nothing };
    Found find(const ledger::Entry& entry);
    Found find_sysv(const ledger::Entry& entry);

    bool same_boot_;
    bool visible_;
    absl::flat_hash_map<u64, u32> sysv_;  ///< key of each object by kind and id
    bool sysv_read_ = false;
};

}  // namespace leakshim::tools
