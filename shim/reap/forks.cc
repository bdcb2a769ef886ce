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

/// Reads the maps of a process, all but the names. Not in the shared block, which whoever asks may be reading
/// in.
class Maps {
  public:
    Maps(Kernel& kernel, int pid) : kernel_(kernel) {
        Text<40> path;
        path.add("/proc/").add_decimal(static_cast<u64>(pid)).add("/maps");
        fd_ = kernel.open(AT_FDCWD, path.c_str(), O_RDONLY);
    }
    ~Maps() {
        if (fd_ >= 0) kernel_.close(fd_);
    }
    Maps(const Maps&) = delete;
    Maps& operator=(const Maps&) = delete;

    bool opened() const { return fd_ >= 0; }

    bool next(Mapped& mapped) {
        Text<128> line;
        while (fill()) {
            char c = buffer_[at_++];
            if (c != '\n')
                line.add(c);
            else if (parse(line.str(), mapped))
                return true;
            else
                line.clear();
        }
        return false;
    }

  private:
    bool fill() {
        if (at_ < filled_) return true;
        long size = fd_ >= 0 ? kernel_.read(fd_, buffer_, sizeof buffer_) : 0;
        at_ = 0, filled_ = size > 0 ? static_cast<size_t>(size) : 0;
        return filled_ != 0;
    }

    Kernel& kernel_;
    int fd_;
    size_t at_ = 0;
    size_t filled_ = 0;
    char buffer_[1024];
};

/// The ledger's file as our own maps have it: its name may be gone.
Mapped find_ledger(Reaping& reaping) {
    auto address = reinterpret_cast<u64>(&reaping.header());
    Maps maps(reaping.kernel, reaping.self_pid);
    Mapped mapped;
    while (maps.next(mapped)) {
        if (mapped.from <= address && address < mapped.to) return mapped;
    }
    return {};
}

Link has_mapped(Reaping& reaping, int pid, const Mapped& ledger) {
    Maps maps(reaping.kernel, pid);
    if (!maps.opened() || ledger.inode == 0) return Link::unknown;
    Mapped mapped;
    while (maps.next(mapped)) {
        if (mapped.shared && mapped.inode == ledger.inode && mapped.device == ledger.device)
            return Link::there;
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
    if (!ledger::commit_fork(reaping.author(), handle, pid, 0, before.start)) return;
    reaping.ledger.header()->arrivals.fetch_add(1, std::memory_order_relaxed);
    reaping.ledger.count(ledger::Counter::processes);
}

}  // namespace

bool carries_session(Reaping& reaping, int pid) {
    char value[600];
    Str session = reaping.kernel.read_variable(pid, kSessionKey, value, sizeof value);
    return session == Str(reaping.ledger.path());
}

Link link_of(Reaping& reaping, int pid) {
    if (carries_session(reaping, pid)) return Link::there;
    Mapped ledger = find_ledger(reaping);
    return has_mapped(reaping, pid, ledger);
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
