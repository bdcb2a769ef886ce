// SPDX-License-Identifier: MIT
#include "forks.h"

namespace leakshim::reap {

namespace {

/// A line of /proc/PID/maps: "7f12a000-7f12b000 rw-s 00000000 00:19 1234   /dev/shm/name".
struct Mapped {
    u64 from = 0, to = 0;
    u64 device = 0, inode = 0;
    bool shared = false;
};

bool parse(Str line, Mapped& mapped) {
    Str range = next_field(line), rights = next_field(line);
    next_field(line);
    Str device = next_field(line);
    u64 major = 0, minor = 0;
    bool good = parse_hex(take_until(range, '-'), mapped.from) && parse_hex(range, mapped.to) &&
                parse_hex(take_until(device, ':'), major) && parse_hex(device, minor) &&
                parse_decimal(next_field(line), mapped.inode);
    mapped.device = major << 32 | minor;
    mapped.shared = rights == "rw-s";
    return good;
}

/// Calls `visit` for each mapping of a process until that returns true; says whether it did.
template <typename Visit>
bool any_mapping(Reaping& reaping, int pid, Visit visit) {
    LineReader lines(reaping, pid, "maps");
    Str line;
    while (lines.next(line)) {
        Mapped mapped;
        if (parse(line, mapped) && visit(mapped)) return true;
    }
    return false;
}

/// The ledger's file as our own maps have it: its name may be gone.
bool find_ledger(Reaping& reaping, Mapped& ledger) {
    auto address = reinterpret_cast<u64>(&reaping.header());
    return any_mapping(reaping, reaping.self_pid, [&](const Mapped& mapped) {
        if (address < mapped.from || address >= mapped.to) return false;
        ledger = mapped;
        return mapped.inode != 0;
    });
}

bool carries_session(Reaping& reaping, int pid) {
    char value[600];
    Str session = reaping.kernel.read_variable(pid, "LEAKSHIM_SESSION=", value, sizeof value);
    return session == Str(reaping.ledger.path());
}

void commit(Reaping& reaping, Handle handle) {
    ledger::Record* record = reaping.ledger.at(handle);
    int pid = record == nullptr ? 0 : ledger::claimed_pid(*record);
    if (pid <= 1 || pid == reaping.self_pid) return;
    ProcessStat before, after;
    bool there = reaping.kernel.read_stat(pid, before) && !before.dead();
    if (!there || before.start + kTick < record->born || !is_linked(reaping, pid)) return;
    // The number was its own all the time.
    if (!reaping.kernel.read_stat(pid, after) || after.start != before.start) return;
    if (!ledger::commit_fork(reaping.author(), handle, pid, 0, before.start)) return;
    reaping.ledger.header()->arrivals.fetch_add(1, std::memory_order_relaxed);
    reaping.ledger.count(ledger::Counter::processes);
}

}  // namespace

bool is_linked(Reaping& reaping, int pid) {
    Mapped ledger;
    bool mapped = find_ledger(reaping, ledger) && any_mapping(reaping, pid, [&](const Mapped& one) {
                      return one.shared && one.inode == ledger.inode && one.device == ledger.device;
                  });
    return mapped || carries_session(reaping, pid);
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
