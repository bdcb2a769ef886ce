// SPDX-License-Identifier: MIT
#include "links.h"

namespace leakshim::reap {

namespace {

constexpr u32 kMaxLooks = 20;
constexpr u64 kExecStep = kMillisecond;

/// Between the old program and the new one, or between its end and its death.
bool is_between(Reaping& reaping, int pid) {
    char first;
    ProcessStat stat;
    bool bare = reaping.kernel.read_process(pid, "cmdline", &first, 1) == 0;
    return bare && reaping.kernel.read_stat(pid, stat) && !stat.dead();
}

/// What `look()` says of the process, once it is not in the middle of an exec. That there is nothing is
/// believed when it is said twice: the first time the exec may have been over just after the look.
template <typename Look>
Link ask(Reaping& reaping, int pid, Look look) {
    u32 agreed = 0;
    for (u32 looks = 0; looks < kMaxLooks; ++looks) {
        Link link = look();
        if (link != Link::none) return link;
        bool between = is_between(reaping, pid);
        if (!between && ++agreed == 2) return Link::none;
        if (between) agreed = 0, reaping.kernel.sleep(kExecStep);
    }
    return Link::unknown;
}

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

bool names_our_ledger(Reaping& reaping, int pid) {
    char value[600];
    Str session = reaping.kernel.read_variable(pid, kSessionKey, value, sizeof value);
    return session == Str(reaping.ledger.path());
}

/// By the inode that its record has got since it was read.
Link is_recorded_by_now(Reaping& reaping, const Suspect& fork) {
    const ledger::Record* record = reaping.ledger.at(fork.handle);
    if (record == nullptr || fork.inode == 0) return Link::none;
    u64 inode = __atomic_load_n(&record->a, __ATOMIC_RELAXED);
    bool same = inode == fork.inode && ledger::generation_of(*record) == fork.generation;
    return same ? Link::there : Link::none;
}

void commit(Reaping& reaping, const ledger::Line& line) {
    Suspect fork;
    fork.handle = line.handle(), fork.generation = line.generation();
    ledger::Record* record = reaping.ledger.at(fork.handle);
    fork.pid = record == nullptr ? 0 : ledger::claimed_pid(*record);
    if (fork.pid <= 1 || fork.pid == reaping.self_pid) return;
    ProcessStat before, after;
    bool there = reaping.kernel.read_stat(fork.pid, before) && !before.dead();
    if (!there || before.start + kTick < record->born || link_of(reaping, fork) != Link::there) return;
    // The number was its own all the time.
    if (!reaping.kernel.read_stat(fork.pid, after) || after.start != before.start) return;
    ledger::commit_fork(reaping.author(), fork.handle, fork.pid, 0, before.start);
}

}  // namespace

Str variable_of(Reaping& reaping, int pid, Str key, char* to, size_t size) {
    Str value;
    ask(reaping, pid, [&] {
        value = reaping.kernel.read_variable(pid, key, to, size);
        return value.empty() ? Link::none : Link::there;
    });
    return value;
}

bool carries_session(Reaping& reaping, int pid) {
    char value[600];
    return variable_of(reaping, pid, kSessionKey, value, sizeof value) == Str(reaping.ledger.path());
}

Link link_of(Reaping& reaping, const Suspect& fork) {
    return ask(reaping, fork.pid, [&] {
        if (names_our_ledger(reaping, fork.pid)) return Link::there;
        Link mapped = has_mapped(reaping, fork.pid, find_ledger(reaping));
        return mapped != Link::none ? mapped : is_recorded_by_now(reaping, fork);
    });
}

void commit_newborns(Reaping& reaping) {
    ledger::Walker* walker = reaping.walk();
    if (walker == nullptr) return;
    ledger::Line line;
    while (walker->next(line)) {
        if (line.kind() == Kind::process && line.state() == State::intent) commit(reaping, line);
    }
}

}  // namespace leakshim::reap
