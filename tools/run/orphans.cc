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

/// The children of a process, which has one thread, as most do that no hook sees. None where the kernel has
/// no such file.
std::vector<pid_t> children_of(pid_t pid) {
    static char text[kMostText];
    std::vector<pid_t> found;
    Text<64> path;
    path.add("/proc/").add_decimal(static_cast<u64>(pid)).add("/task/");
    path.add_decimal(static_cast<u64>(pid)).add("/children");
    for_each_child(path.c_str(), text, sizeof text, [&](int child) { found.push_back(child); });
    return found;
}

bool is_settled(pid_t pid) {
    ProcessStat stat;
    return read_process_stat(pid, stat) && !stat.dead() && stat.start + kTimeToRegister < sys::boottime();
}

}  // namespace

bool Orphans::is_known(pid_t pid) const {
    return std::find(known_.begin(), known_.end(), pid) != known_.end();
}

void Orphans::look(pid_t command, pid_t other) {
    if (!childless_) return;
    std::vector<pid_t> now = children_of(session_.pid);
    std::erase_if(known_, [&](pid_t pid) { return std::find(now.begin(), now.end(), pid) == now.end(); });
    for (pid_t pid : now) {
        if (pid == command || pid == other || is_known(pid) || !is_settled(pid)) continue;
        session::record_adopted(session_, lease_, pid, session_.self);
        known_.push_back(pid);
    }
}

void Orphans::record_tree(pid_t pid, ledger::Handle parent) {
    ledger::Record* record = session_.ledger.at(session::record_adopted(session_, lease_, pid, parent));
    if (record == nullptr) return;
    // What descends from one that the hooks see, they see.
    bool blind = (record->flags.load(std::memory_order_relaxed) & ledger::flag::kBlind) != 0;
    if (!blind) return;
    ledger::Handle handle = ledger::find_process(session_.ledger, pid);
    for (pid_t child : children_of(pid))
        record_tree(child, handle);
}

void Orphans::look_for_the_last_time() {
    bool live = session_.ledger.header()->phase.load(std::memory_order_acquire) ==
                static_cast<u32>(ledger::Phase::live);
    if (!live || !childless_) return;
    for (pid_t pid : children_of(session_.pid))
        record_tree(pid, session_.self);
}

}  // namespace leakshim::tools
