// SPDX-License-Identifier: MIT
#include "forks.h"

namespace leakshim::reap {

namespace {

/// Not in the shared block, which whoever asks may be reading in.
constexpr size_t kMapsBlock = 1024;

/// The ledger's file as our own maps have it: its name may be gone. Of no inode where they can't be read.
FileId find_ledger(Reaping& reaping) {
    auto address = reinterpret_cast<u64>(&reaping.header());
    char block[kMapsBlock];
    LineReader lines(reaping.kernel, reaping.self_pid, "maps", block, sizeof block);
    Str line;
    MapsLine mapped;
    while (lines.next(line)) {
        if (parse_maps_line(line, mapped) && mapped.holds(address)) return {mapped.device, mapped.inode};
    }
    return {};
}

Link has_mapped(Reaping& reaping, int pid, const FileId& ledger) {
    char block[kMapsBlock];
    LineReader lines(reaping.kernel, pid, "maps", block, sizeof block);
    if (!lines.opened() || ledger.ino == 0) return Link::unknown;
    Str line;
    MapsLine mapped;
    while (lines.next(line)) {
        bool same = parse_maps_line(line, mapped) && mapped.shared() && mapped.inode == ledger.ino &&
                    mapped.device == ledger.dev;
        if (same) return Link::there;
    }
    return Link::none;
}

void commit(Reaping& reaping, Handle handle) {
    ledger::Record* record = reaping.ledger.at(handle);
    int pid = record == nullptr ? 0 : ledger::claimed_pid(*record);
    if (pid <= 1 || pid == reaping.self_pid) return;
    ProcessStat before, after;
    bool there = reaping.kernel.read_stat(pid, before) && !before.dead();
    if (!there || before.start + kTick < record->born || link_of(reaping, pid) != Link::there) return;
    // The number was its own all the time.
    if (!reaping.kernel.read_stat(pid, after) || after.start != before.start) return;
    ledger::commit_fork(reaping.author(), handle, pid, 0, before.start);
}

}  // namespace

bool carries_session(Reaping& reaping, int pid) {
    char value[600];
    Str session = reaping.kernel.read_variable(pid, kSessionKey, value, sizeof value);
    return session == Str(reaping.ledger.path());
}

Link link_of(Reaping& reaping, int pid) {
    if (carries_session(reaping, pid)) return Link::there;
    return has_mapped(reaping, pid, find_ledger(reaping));
}

void commit_newborns(Reaping& reaping) {
    ledger::Walker* walker = reaping.walk();
    if (walker == nullptr) return;
    ledger::Line line;
    while (walker->next(line)) {
        if (line.kind() == Kind::process && line.state() == State::intent) commit(reaping, line.handle());
    }
}

}  // namespace leakshim::reap
