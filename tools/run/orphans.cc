// SPDX-License-Identifier: MIT
#include "orphans.h"

#include <algorithm>
#include <vector>

#include "proc.h"
#include "sys.h"
#include "tool.h"

namespace leakshim::tools {

namespace {

/// What has our library registers itself as it starts. One that is younger is looked at again.
constexpr u64 kTimeToRegister = 500 * kMillisecond;
constexpr size_t kMostText = 64 * 1024;

/// The children of this process, which has one thread. None where the kernel has no such file.
std::vector<pid_t> children() {
    static char text[kMostText];
    std::vector<pid_t> found;
    long size = read_file("/proc/thread-self/children", text, sizeof text);
    Str rest(text, size > 0 ? static_cast<size_t>(size) : 0);
    while (!rest.empty()) {
        u64 pid = 0;
        if (parse_decimal(take_until(rest, ' '), pid)) found.push_back(static_cast<pid_t>(pid));
    }
    return found;
}

bool is_settled(pid_t pid) {
    ProcessStat stat;
    return read_process_stat(pid, stat) && !stat.dead() && stat.start + kTimeToRegister < sys::boottime();
}

}  // namespace

bool Orphans::is_known(pid_t pid) {
    return std::find(known_.begin(), known_.end(), pid) != known_.end();
}

void Orphans::look(pid_t command, pid_t other) {
    // Who had children before may be given theirs.
    bool childless = (session_.ledger.header()->flags & ledger::session_flag::kBornChildless) != 0;
    if (!childless) return;
    std::vector<pid_t> now = children();
    std::erase_if(known_, [&](pid_t pid) { return std::find(now.begin(), now.end(), pid) == now.end(); });
    for (pid_t pid : now) {
        if (pid == command || pid == other || is_known(pid) || !is_settled(pid)) continue;
        session::record_adopted(session_, lease_, pid);
        known_.push_back(pid);
    }
}

}  // namespace leakshim::tools
