// SPDX-License-Identifier: MIT
//
// Finding the processes of a session that did not register themselves: static programs, set-id programs,
// those made by raw system calls or with a lost environment.
//
// A process is ours by an observed link only: a record (a fork's own with our ledger in its memory, links.h),
// a parent that is a suspect (or the root itself), or the session variable in its environment while its
// parent is one that orphans are given to. Never because it is a child of init, where orphans are siblings of
// innocents; never when it is older than the session, or than its parent; never when it was born after the
// session's end.
#include <errno.h>

#include "inventory.h"
#include "links.h"
#include "liveness.h"

namespace leakshim::reap {

namespace {

namespace flag = ledger::flag;

// As a process that can be asked takes its scope from them; session/start.cc.
constexpr Str kScopeKey = "LEAKSHIM_SCOPE=";
constexpr Str kTestKey = "PYTEST_CURRENT_TEST=";
constexpr u32 kMaxPasses = 16;
constexpr u64 kArrivalStep = kMillisecond / 2;
constexpr u32 kMaxChain = 32;
constexpr size_t kFewNames = 256;  // bytes: what hops to a new pid must not be gone when it is looked at

/// A process in /proc that nothing links to us so far.
struct Stranger {
    i32 pid;
    i32 ppid;
    u64 start;
};

class Lineage {
  public:
    explicit Lineage(Reaping& reaping) : r_(reaping), header_(reaping.header()) {
        if (r_.request.ended_realtime != 0) {
            u64 real = r_.kernel.realtime();
            u64 ago = real > r_.request.ended_realtime ? real - r_.request.ended_realtime : 0;
            u64 now = r_.now();
            born_before_ = now > ago ? now - ago : 0;
        }
    }

    /// One pass through /proc. Returns how many were found; `uncertain()` says whether some may have been
    /// missed.
    u32 pass();
    bool uncertain() const { return uncertain_; }

  private:
    bool is_excluded(const Stranger& stranger) const;
    bool is_root_ancestor(int pid) const;
    bool is_known(const Stranger& stranger);
    bool serves_named_session(int pid);
    bool has_its_number(const Suspect& suspect);
    const Suspect* parent_of(const Stranger& stranger, bool& is_child_of_root);
    bool examine(const Stranger& stranger);
    bool examine_for_scope(const Stranger& stranger, const Suspect* parent, Handle record);
    void note_dead(const Stranger& stranger);
    bool adopt(const Stranger& stranger, const Suspect* parent, Handle record);
    Handle record_of(const Stranger& stranger);
    bool is_recorded_as(const Stranger& stranger, Handle handle);
    Handle make_record(Suspect& suspect);
    Handle scope_from_environment(int pid);
    static void keep(Suspect& suspect, Outcome why) {
        suspect.life = Suspect::Life::kept;
        suspect.outcome = why;
    }

    Reaping& r_;
    const ledger::Header& header_;
    u64 born_before_ = ~u64{0};
    bool uncertain_ = false;
    Array<Stranger> strangers_;
    HashMap dead_;  ///< orphans that were found dead
};

bool Lineage::is_root_ancestor(int pid) const {
    for (u32 i = 0; i < header_.root_ancestors && i < kMaxChain; ++i) {
        if (header_.ancestors[i] == pid) return true;
    }
    return false;
}

bool Lineage::is_excluded(const Stranger& stranger) const {
    constexpr int kKernelThreads = 2;
    if (stranger.pid <= 1 || stranger.pid == r_.self_pid || stranger.pid == kKernelThreads) return true;
    if (stranger.ppid == kKernelThreads || stranger.ppid == 0) return true;
    if (stranger.pid == header_.guard_pid.load(std::memory_order_relaxed)) return true;
    if (r_.is_own_ancestor(stranger.pid)) return true;
    // Older than the session, or so close to its birth that /proc can't tell: see examine().
    return stranger.start + kTick < header_.created_boottime || stranger.start > born_before_;
}

bool Lineage::is_known(const Stranger& stranger) {
    Suspect* suspect = r_.find_suspect(stranger.pid);
    if (suspect == nullptr || suspect->start != stranger.start) return false;
    suspect->seen = r_.now();
    return true;
}

/// Does the process carry another session of this user that has a name and goes on? Whoever started it there
/// says when it ends: it may have been started from within this run, as a service is at its first use.
bool Lineage::serves_named_session(int pid) {
    struct Room {
        alignas(64) char header[sizeof(ledger::Header)];
    };
    char value[600];
    Text<600> path;
    path.add(variable_of(r_, pid, kSessionKey, value, sizeof value));
    if (!starts_with(path.str(), "/") || path.str() == Str(r_.ledger.path())) return false;
    Paged<Room> room;
    int fd = room ? r_.kernel.open(AT_FDCWD, path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK) : -ENOMEM;
    if (fd < 0) return false;
    FileFacts facts;
    bool ours = r_.kernel.entry_facts(fd, "", facts) == 0 && facts.uid == header_.uid && S_ISREG(facts.mode);
    auto& header = *reinterpret_cast<ledger::Header*>(room->header);
    ledger::FileSource source(fd);
    bool goes_on = ours && ledger::read_header(source, header) == ledger::Verdict::ok &&
                   (header.flags & ledger::session_flag::kNamed) != 0 &&
                   judge_liveness(r_.kernel, source, header) == Liveness::live;
    r_.kernel.close(fd);
    return goes_on;
}

/// Does the number still mean the suspect? It may have died by itself since it was last waited for, and its
/// number be an innocent process's with children. A number that is nobody's was its own to the end where it
/// was seen alive a moment ago: in so short a time start times would not tell two processes apart either.
bool Lineage::has_its_number(const Suspect& suspect) {
    ProcessStat stat;
    bool there = r_.kernel.read_stat(suspect.pid, stat);
    if (there && suspect.start != 0) return stat.start == suspect.start;
    int pidfd = open_suspect(r_, suspect);
    if (pidfd >= 0) r_.kernel.close(pidfd);
    if (pidfd >= 0 || there) return pidfd >= 0;
    // Whoever bears its number as a parent is dead by now, and its child has another one.
    uncertain_ = true;
    return r_.now() < suspect.seen + kTick;
}

/// The suspect that is the stranger's parent, or none. A parent is older than its child: a younger one only
/// bears the number of a dead one.
const Suspect* Lineage::parent_of(const Stranger& stranger, bool& is_child_of_root) {
    is_child_of_root = r_.request.in_root && stranger.ppid == r_.self_pid;
    const Suspect* parent = r_.find_suspect(stranger.ppid);
    if (parent == nullptr || parent->life == Suspect::Life::dead || parent->start > stranger.start)
        return nullptr;
    return has_its_number(*parent) ? parent : nullptr;
}

/// True when the stranger turned out to be ours.
bool Lineage::examine(const Stranger& stranger) {
    Handle record = record_of(stranger);
    bool child_of_root = false;
    const Suspect* parent = parent_of(stranger, child_of_root);
    if (r_.request.scope != 0) return examine_for_scope(stranger, parent, record);
    if (record != 0 || parent != nullptr) return adopt(stranger, parent, record);
    // A shell may have started it just before it became the root: then it is as old as the session, and only
    // its environment can tell.
    bool childless = (header_.flags & ledger::session_flag::kBornChildless) != 0;
    // One that is given orphans, and had children before, may have been given an innocent child's.
    bool forked_since = stranger.start > header_.created_boottime && !r_.kernel.adopts_orphans();
    if (child_of_root && (childless || forked_since)) return adopt(stranger, nullptr, 0);
    bool orphan = stranger.ppid == 1 || is_root_ancestor(stranger.ppid);
    if ((child_of_root || orphan) && carries_session(r_, stranger.pid)) return adopt(stranger, nullptr, 0);
    return false;
}

/// The same in a session that goes on: what registered itself in another scope is none of this one's.
bool Lineage::examine_for_scope(const Stranger& stranger, const Suspect* parent, Handle record) {
    Entry entry;
    if (record != 0 && r_.look(record, entry, true)) {
        bool inherits = parent != nullptr && entry.scope == 0;
        return (inherits || r_.concerns(entry.scope)) && adopt(stranger, parent, record);
    }
    if (parent != nullptr) return adopt(stranger, parent, 0);
    bool orphan = stranger.ppid == 1 || is_root_ancestor(stranger.ppid);
    if (!orphan || !carries_session(r_, stranger.pid)) return false;
    Handle scope = scope_from_environment(stranger.pid);
    return scope != 0 && r_.concerns(scope) && adopt(stranger, nullptr, 0);
}

/// Its own record, where it registered since the inventory. A dead process keeps its live record until it is
/// settled, and its number may be somebody else's before that.
Handle Lineage::record_of(const Stranger& stranger) {
    Handle found = 0;
    ledger::for_each_process_record(r_.ledger, stranger.pid, [&](Handle handle, const ledger::Record&) {
        if (found == 0 && is_recorded_as(stranger, handle)) found = handle;
    });
    return found;
}

bool Lineage::is_recorded_as(const Stranger& stranger, Handle handle) {
    Entry entry;
    if (handle == header_.root || !r_.look(handle, entry, true)) return false;
    if (entry.kind != Kind::process || entry.number != stranger.pid || entry.state != State::live)
        return false;
    Suspect suspect;
    suspect.handle = handle, suspect.generation = entry.generation;
    suspect.pid = stranger.pid, suspect.start = stranger.start;
    int pidfd = r_.kernel.pidfd_open(stranger.pid);
    if (pidfd >= 0) suspect.inode = r_.kernel.pidfd_inode(pidfd), r_.kernel.close(pidfd);
    if (suspect.inode != 0 && entry.a != 0) return suspect.inode == entry.a;
    ProcessStat stat;
    stat.start = stranger.start;
    return started_as_recorded(entry, stat) && (entry.a != 0 || link_of(r_, suspect) != Link::none);
}

/// The test that it was started in, for an orphan whose parent can no longer be asked.
Handle Lineage::scope_from_environment(int pid) {
    char value[1024];
    u64 scope = 0;
    bool given = parse_decimal(variable_of(r_, pid, kScopeKey, value, sizeof value), scope);
    if (given && scope <= ~Handle{0} && ledger::scope_at(r_.ledger, static_cast<Handle>(scope)) != nullptr)
        return static_cast<Handle>(scope);
    Str test = variable_of(r_, pid, kTestKey, value, sizeof value);
    return test.empty() ? 0 : ledger::intern_scope(r_.author(), policy::test_name(test));
}

Handle Lineage::make_record(Suspect& suspect) {
    if (suspect.scope == 0) suspect.scope = scope_from_environment(suspect.pid);
    ledger::NewProcess process;
    process.pid = suspect.pid;
    process.ppid = suspect.ppid;
    process.pidfd_inode = suspect.inode;
    process.start = suspect.start;
    process.parent = suspect.parent;
    process.flags = flag::kByScan | flag::kBlind;
    ProcessSignals status;
    if (r_.kernel.read_signals(suspect.pid, status)) process.uid = status.uid;
    long size = r_.kernel.read_process(suspect.pid, "cmdline", r_.buffers.text, ledger::kMaxCommand);
    if (size > 0) process.command = Str(r_.buffers.text, static_cast<size_t>(size));
    Handle handle = ledger::add_process(r_.author(0, suspect.scope), process);
    if (handle == 0) return 0;
    // Where it registered itself in this moment, its own record stays.
    Handle own = ledger::other_record_of(r_.ledger, process, handle);
    if (own != 0) {
        ledger::end_process(r_.author(), handle, -1);
        return own;
    }
    r_.ledger.count(ledger::Counter::blind_scan);
    return handle;
}

/// Makes the stranger a suspect. It is looked at through a pidfd once more; what may go on forking is stopped
/// first.
bool Lineage::adopt(const Stranger& stranger, const Suspect* parent, Handle record) {
    Suspect suspect;
    suspect.pid = stranger.pid;
    suspect.ppid = stranger.ppid;
    suspect.start = stranger.start;
    suspect.parent = parent != nullptr ? parent->handle : r_.request.self;
    if (parent != nullptr) suspect.scope = parent->scope;
    if (parent != nullptr && parent->life == Suspect::Life::kept) keep(suspect, parent->outcome);
    if (parent != nullptr && parent->life == Suspect::Life::reader) suspect.life = parent->life;
    suspect.outside = parent != nullptr && parent->outside;
    int pidfd = open_suspect(r_, suspect);
    if (pidfd == -ESRCH) {
        uncertain_ = true;  // it may have gone on under another number
        return false;
    }
    if (pidfd >= 0) suspect.inode = r_.kernel.pidfd_inode(pidfd);
    Entry entry;
    bool recorded = record != 0 && r_.look(record, entry, true);
    if (recorded && entry.a != 0 && suspect.inode != 0 && entry.a != suspect.inode) recorded = false;
    if (record != 0 && !recorded && parent == nullptr) {
        // Nothing links whoever has the number by now to us.
        if (pidfd >= 0) r_.kernel.close(pidfd);
        uncertain_ = true;
        return false;
    }
    if (recorded && (entry.flags & flag::kKeep) != 0) keep(suspect, Outcome::kept_by_mark);
    if (!recorded && is_alive(suspect) && serves_named_session(suspect.pid))
        keep(suspect, Outcome::kept_by_mark);
    bool stop = pidfd >= 0 && r_.freezing && is_alive(suspect);
    if (stop) r_.kernel.pidfd_signal(pidfd, SIGSTOP);
    if (!recorded && is_alive(suspect)) record = make_record(suspect);
    if ((recorded || is_alive(suspect)) && record != 0 && r_.look(record, entry, true)) {
        suspect.handle = record;
        suspect.generation = entry.generation;
        suspect.scope = entry.process_scope;
        policy::Ruling ruling = is_alive(suspect) ? r_.ruling_of_running(entry) : policy::Ruling::none;
        if (ruling != policy::Ruling::none) keep(suspect, policy::outcome_of(ruling));
    }
    if (stop && !is_alive(suspect)) r_.kernel.pidfd_signal(pidfd, SIGCONT);
    if (pidfd >= 0) r_.kernel.close(pidfd);
    return add_suspect(r_, suspect);
}

/// An orphan that has just died may go on as its child.
void Lineage::note_dead(const Stranger& stranger) {
    u64 key = hash_pair(static_cast<u32>(stranger.pid), stranger.start);
    bool of_root = r_.request.in_root && stranger.ppid == r_.self_pid;
    bool orphan = of_root || stranger.ppid == 1 || is_root_ancestor(stranger.ppid);
    if (!orphan || is_excluded(stranger) || dead_.contains(key)) return;
    dead_.insert(key);
    uncertain_ = true;
}

u32 Lineage::pass() {
    u32 found = 0;
    u32 births = header_.births.load(std::memory_order_acquire);
    uncertain_ = false;
    strangers_.truncate(0);
    int proc = r_.kernel.open(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY);
    if (proc < 0) return 0;
    NameReader names(r_, proc, kFewNames);
    const char* name = nullptr;
    u8 type = 0;
    while (names.next(name, type)) {
        u64 pid = 0;
        if (!parse_decimal(name, pid)) continue;
        ProcessStat stat;
        if (!r_.kernel.read_stat(static_cast<int>(pid), stat)) {
            // It may have gone on under a number behind the end of the list, which was read before.
            uncertain_ = uncertain_ || r_.freezing || r_.request.in_root;
            continue;
        }
        Stranger stranger{static_cast<i32>(pid), stat.ppid, stat.start};
        if (stat.dead()) note_dead(stranger);
        if (stat.dead() || is_excluded(stranger) || is_known(stranger)) continue;
        // At once, before it can go on: what hops from pid to pid is met as it comes.
        if (examine(stranger))
            ++found;
        else
            strangers_.push(stranger);
    }
    r_.kernel.close(proc);
    // Who forked meanwhile may go on under a number that the list had left behind.
    uncertain_ = uncertain_ || header_.births.load(std::memory_order_acquire) != births;
    // A parent may have come after its child.
    for (bool changed = found != 0; changed;) {
        changed = false;
        for (Stranger& stranger : strangers_) {
            bool of_root = false;
            if (stranger.pid == 0 || parent_of(stranger, of_root) == nullptr || !examine(stranger)) continue;
            stranger.pid = 0;
            ++found;
            changed = true;
        }
    }
    return found;
}

/// Forks that have not written themselves down: on their way, or not able to.
i32 missing_arrivals(Reaping& reaping) {
    u32 births = reaping.header().births.load(std::memory_order_acquire);
    return static_cast<i32>(births - reaping.header().arrivals.load(std::memory_order_acquire));
}

/// What is forked says its number before it goes on, and its parent may be gone by then: between the two
/// nothing links it to us. Those that were missing before are not waited for.
void wait_for_newcomers(Reaping& reaping) {
    u64 start = reaping.now(), until = start + reaping.arrival_limit, look = start;
    for (u64 now = start; missing_arrivals(reaping) > reaping.missing && now < until; now = reaping.now()) {
        // Each look is a walk through the ledger: ever less often.
        if (now >= look) {
            commit_newborns(reaping);
            look = now + (now - start);
        }
        reaping.kernel.sleep(kArrivalStep);
    }
    if (missing_arrivals(reaping) != 0) commit_newborns(reaping);
    reaping.missing = missing_arrivals(reaping);
}

}  // namespace

u32 find_descendants(Reaping& reaping) {
    if (reaping.other_boot || reaping.request.readers_only) return 0;
    Lineage lineage(reaping);
    u32 total = 0;
    for (u32 i = 0; i < kMaxPasses && !reaping.out_of_time(); ++i) {
        wait_for_newcomers(reaping);
        u32 found = lineage.pass();
        total += found;
        if (found == 0 && !lineage.uncertain()) break;
    }
    return total;
}

}  // namespace leakshim::reap
