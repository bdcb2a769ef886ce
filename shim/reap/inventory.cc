// SPDX-License-Identifier: MIT
#include "inventory.h"

#include <errno.h>

#include <utility>

#include "links.h"
#include "readers.h"

namespace leakshim::reap {

namespace {

using ledger::Counter;
using ledger::Line;
namespace flag = ledger::flag;

Item item_of(const Line& line) {
    Item item;
    item.handle = line.handle();
    item.generation = line.generation();
    item.owner = line.owner();
    item.number = line.number();
    item.kind = line.kind();
    item.flags = line.flags();
    item.from = line.state();
    return item;
}

Suspect suspect_of(const Entry& entry) {
    Suspect suspect;
    suspect.handle = entry.handle;
    suspect.generation = entry.generation;
    suspect.scope = entry.process_scope != 0 ? entry.process_scope : entry.scope;
    suspect.parent = entry.parent;
    suspect.pid = entry.number;
    suspect.ppid = entry.ppid;
    suspect.inode = entry.a;
    suspect.from = entry.state;
    // By a reaper that was killed.
    suspect.leaked = (entry.flags & flag::kLeaked) != 0;
    return suspect;
}

/// True when the process of the record is there and not a zombie; fills what only the kernel knows.
bool is_running(Reaping& reaping, const Entry& entry, Suspect& suspect) {
    ProcessStat stat;
    if (reaping.other_boot || suspect.pid <= 1) return false;
    if (!reaping.kernel.read_stat(suspect.pid, stat)) {
        if (!reaping.kernel.exists(suspect.pid)) return false;
        // No descriptor left, perhaps. What exists but can't be looked at is not called dead; nor is it
        // signalled.
        reaping.kernel.raise_fd_limit();
        if (!reaping.kernel.read_stat(suspect.pid, stat)) return reaping.kernel.exists(suspect.pid);
    }
    // Born in the future is who had a boot time of its own (time_namespaces(7)): of that nothing can be said.
    bool by_time = suspect.inode == 0;
    if (by_time && (entry.born > reaping.now() || !started_as_recorded(entry, stat))) return false;
    // Nothing of the session is older than the session, whatever a damaged ledger says.
    if (stat.start + kTick < reaping.header().created_boottime) return false;
    suspect.start = stat.start;
    suspect.ppid = stat.ppid;
    if (stat.dead()) return false;
    // Checked after /proc was read, so that what was read is of this process.
    int pidfd = open_suspect(reaping, suspect);
    u64 inode = pidfd >= 0 && by_time ? reaping.kernel.pidfd_inode(pidfd) : 0;
    if (pidfd >= 0) reaping.kernel.close(pidfd);
    // Numbers of pidfds there are, but a fork has none in its record.
    if (inode == 0) return pidfd != -ESRCH;
    suspect.inode = inode;
    return link_of(reaping, suspect) != Link::none;
}

bool is_by_scan(Reaping& reaping, Handle handle) {
    const ledger::Record* record = reaping.ledger.at(handle);
    return record != nullptr && (record->flags.load(std::memory_order_relaxed) & flag::kByScan) != 0;
}

/// Parent and child may both have written the child down in the same moment: one record is enough, and who
/// was there knows more than who found it in /proc.
bool is_twin(Reaping& reaping, const Entry& entry, bool exempt) {
    Suspect* known = reaping.find_suspect(entry.number);
    if (known == nullptr || entry.state != State::live || !is_record_of(*known, entry)) return false;
    if (exempt && !known->outside) {
        known->life = Suspect::Life::kept;
        known->outcome = Outcome::kept_by_mark;
    }
    Suspect other = suspect_of(entry);
    if (is_by_scan(reaping, known->handle) && (entry.flags & flag::kByScan) == 0) {
        std::swap(known->handle, other.handle);
        std::swap(known->generation, other.generation);
        known->scope = other.scope, known->parent = other.parent;
    }
    reaping.end_process(other.handle, other.generation);
    return true;
}

/// It was a leak where a reaper has called it one, and was killed before it could write down how it ended.
void settle_dead(Reaping& reaping, const Entry& entry) {
    if (entry.state != State::live)
        reaping.settle(entry.handle, entry.generation, entry.state, State::gone, Outcome::gone_by_itself);
    else if ((entry.flags & flag::kLeaked) != 0)
        reaping.settle(entry.handle, entry.generation, State::live, State::reaped, Outcome::exited_alone);
    else
        reaping.end_process(entry.handle, entry.generation);
}

void note_process(Reaping& reaping, const Entry& entry) {
    bool root = (entry.flags & flag::kRoot) != 0 || entry.handle == reaping.header().root;
    if (root || entry.handle == reaping.request.self || entry.number == reaping.self_pid) return;
    if (reaping.is_own_ancestor(entry.number)) return;
    // Kept at the session's end: what it was kept with, its parent, may be gone by now.
    bool kept_then = entry.state == State::kept && entry.outcome == Outcome::kept_by_mark;
    bool exempt = kept_then || (entry.flags & (flag::kKeep | flag::kWanted)) != 0;
    bool outside = !reaping.concerns(entry.scope);
    if (outside && !exempt) return;
    Suspect suspect = suspect_of(entry);
    suspect.outside = outside;
    if (!is_running(reaping, entry, suspect)) {
        if (outside) return;
        settle_dead(reaping, entry);
        return;
    }
    if (is_twin(reaping, entry, exempt)) return;
    if (exempt) {
        suspect.life = Suspect::Life::kept;
        suspect.outcome = Outcome::kept_by_mark;
    } else if (policy::Ruling ruling = reaping.ruling_of_running(entry); ruling != policy::Ruling::none) {
        suspect.life = Suspect::Life::kept;
        suspect.outcome = policy::outcome_of(ruling);
    }
    add_suspect(reaping, suspect);
}

bool is_open_or_thread(Kind kind) {
    return ledger::is_fd(kind) || kind == Kind::thread;
}
bool is_port(const Line& line) {
    return line.kind() == Kind::socket && (line.flags() & (flag::kBound | flag::kListening)) != 0;
}
bool is_own(const Reaping& reaping, const Line& line) {
    return reaping.request.self != 0 && line.owner() == reaping.request.self;
}

/// False for most of a large ledger, by the first line alone: what is open elsewhere, what is over, and what
/// is no resource.
inline bool matters(const Reaping& reaping, const Line& line) {
    if (is_open_or_thread(line.kind())) {
        if (line.state() != State::live) return false;
        if (is_own(reaping, line) || is_port(line)) return true;
        return reaping.request.scope != 0 && ledger::is_fd(line.kind());
    }
    if (line.kind() == Kind::process && reaping.request.things_only) return false;
    return line.kind() != Kind::scope && (line.state() == State::intent || reaping.is_open(line.state()));
}

void note_open(Reaping& reaping, const Line& line) {
    if (reaping.request.scope != 0) {
        if (ledger::is_fd(line.kind()) && reaping.concerns(line.scope())) reaping.open.push(item_of(line));
        if (is_port(line)) reaping.ports.push(item_of(line));
    } else if (is_own(reaping, line)) {
        reaping.own.push(item_of(line));
    } else if (is_port(line)) {
        reaping.ports.push(item_of(line));
    }
}

void note_thing(Reaping& reaping, const Line& line) {
    if (!ledger::is_persistent(line.kind()) || !reaping.concerns(line.scope())) return;
    Item item = item_of(line);
    if (line.state() == State::intent) {
        // In a session that goes on its maker may be at it.
        if (reaping.request.scope == 0) reaping.intents.push(item);
        return;
    }
    bool exempt = line.outcome() == Outcome::kept_by_rule || line.outcome() == Outcome::kept_by_mark;
    if (reaping.request.things_only && exempt) item.kept = line.outcome();
    if ((line.flags() & flag::kWanted) != 0) item.kept = Outcome::kept_by_mark;
    reaping.things.push(item);
}

/// A process that registered itself while the session was ending, and is no suspect: it died before it was
/// looked at, or its suspect bears another record.
void settle_latecomer(Reaping& reaping, const Entry& entry) {
    bool root = (entry.flags & flag::kRoot) != 0 || entry.handle == reaping.header().root;
    bool exempt = (entry.flags & (flag::kKeep | flag::kWanted)) != 0;
    if (root || exempt || entry.state != State::live || reaping.request.scope != 0) return;
    if (entry.handle == reaping.request.self || entry.number == reaping.self_pid) return;
    const Suspect* known = reaping.find_suspect(entry.number);
    bool same = known != nullptr && is_record_of(*known, entry);
    if (same && known->handle == entry.handle) return;
    Suspect suspect = suspect_of(entry);
    if (same || !is_running(reaping, entry, suspect)) {
        reaping.end_process(entry.handle, entry.generation);
        return;
    }
    // What a reader starts, in most cases: the guard will see.
    if (reaping.any([](const Suspect& left) { return left.life == Suspect::Life::reader; })) return;
    bool reaps = reaping.options.reap;
    reaping.settle(entry.handle, entry.generation, entry.state, reaps ? State::failed : State::leaked,
                   reaps ? Outcome::out_of_time : Outcome::kept_by_mode);
}

/// What a kept process starts is as exempt as itself.
void keep_children_of_kept(Reaping& reaping) {
    auto kept_parent = [&](const Suspect& child) {
        for (const Suspect& parent : reaping.suspects) {
            if (parent.life != Suspect::Life::kept || &parent == &child) continue;
            if (parent.pid == child.ppid || (child.parent != 0 && parent.handle == child.parent)) return true;
        }
        return false;
    };
    if (!reaping.any([](const Suspect& suspect) { return suspect.life == Suspect::Life::kept; })) return;
    for (bool changed = true; changed;) {
        changed = false;
        for (Suspect& suspect : reaping.suspects) {
            if (!is_alive(suspect) || !kept_parent(suspect)) continue;
            suspect.life = Suspect::Life::kept;
            suspect.outcome = Outcome::kept_by_mark;
            changed = true;
        }
    }
}

}  // namespace

bool is_record_of(const Suspect& suspect, const Entry& entry) {
    if (suspect.handle == entry.handle && suspect.generation == entry.generation) return true;
    if (suspect.inode != 0 && entry.a != 0) return suspect.inode == entry.a;
    ProcessStat stat;
    stat.start = suspect.start;
    return suspect.start != 0 && started_as_recorded(entry, stat);
}

int open_suspect(Reaping& reaping, const Suspect& suspect) {
    Kernel& kernel = reaping.kernel;
    if (suspect.inode == 0 && suspect.start == 0) return -EAGAIN;  // never identified
    int pidfd = kernel.pidfd_open(suspect.pid);
    if ((pidfd == -EMFILE || pidfd == -ENFILE) && kernel.raise_fd_limit() == 0) {
        pidfd = kernel.pidfd_open(suspect.pid);
    }
    // EINVAL, later ENOENT: the number is that of a thread by now, so the process is gone.
    if (pidfd < 0) return pidfd == -EINVAL || pidfd == -ENOENT ? -ESRCH : pidfd;
    u64 inode = suspect.inode != 0 ? kernel.pidfd_inode(pidfd) : 0;
    bool same = inode == suspect.inode;
    if (inode == 0) {
        ProcessStat stat;
        same = kernel.read_stat(suspect.pid, stat) && stat.start == suspect.start;
        // Still there after its start time was read: then it was its own.
        same = same && kernel.pidfd_signal(pidfd, 0) != -ESRCH;
    }
    if (same) return pidfd;
    kernel.close(pidfd);
    return -ESRCH;
}

bool looks_dead(Reaping& reaping, const Suspect& suspect) {
    ProcessStat stat;
    // Where there is no descriptor left to read /proc with, the number itself can still be asked about.
    if (!reaping.kernel.read_stat(suspect.pid, stat)) return !reaping.kernel.exists(suspect.pid);
    return stat.dead() || stat.start != suspect.start;
}

namespace {

/// LEAKSHIM_KEEP=1 in its environment: a program that no hook is in can't have it put into its record.
bool asks_to_be_kept(Reaping& reaping, int pid) {
    char value[8];
    Str text = variable_of(reaping, pid, "LEAKSHIM_KEEP=", value, sizeof value);
    return text == "1" || text == "yes" || text == "true";
}

/// Of the command line that it has now.
u64 command_hash(Reaping& reaping, int pid) {
    char command[1024];
    long size = reaping.kernel.read_process(pid, "cmdline", command, sizeof command);
    return hash_bytes(command, size > 0 ? static_cast<size_t>(size) : 0);
}

/// Why it is exempt by what it has become since it was made a suspect; none: it is not.
Outcome new_exemption(Reaping& reaping, const Suspect& suspect) {
    if (asks_to_be_kept(reaping, suspect.pid)) return Outcome::kept_by_mark;
    Entry entry;
    if (suspect.handle == 0 || !reaping.look(suspect.handle, entry, true)) return Outcome::none;
    if (entry.generation != suspect.generation) return Outcome::none;
    if ((entry.flags & (flag::kKeep | flag::kWanted)) != 0) return Outcome::kept_by_mark;
    // Rules count whom they would have kept: they are not asked about the same command twice.
    bool executed = command_hash(reaping, suspect.pid) != suspect.command;
    return executed ? policy::outcome_of(reaping.ruling_of_running(entry)) : Outcome::none;
}

}  // namespace

bool add_suspect(Reaping& reaping, const Suspect& found) {
    Suspect suspect = found;
    suspect.seen = reaping.now();
    if (is_alive(suspect) && asks_to_be_kept(reaping, suspect.pid)) {
        suspect.life = Suspect::Life::kept;
        suspect.outcome = Outcome::kept_by_mark;
    }
    if (is_alive(suspect) && is_reader(reaping, suspect.pid)) suspect.life = Suspect::Life::reader;
    if (is_alive(suspect)) suspect.command = command_hash(reaping, suspect.pid);
    auto index = static_cast<u32>(reaping.suspects.size());
    return reaping.suspects.push(suspect) && reaping.by_pid.insert(pid_key(suspect.pid), index);
}

void exempt_again(Reaping& reaping) {
    bool any = false;
    for (Suspect& suspect : reaping.suspects) {
        if (is_alive(suspect) && is_reader(reaping, suspect.pid)) suspect.life = Suspect::Life::reader;
        Outcome why = is_alive(suspect) ? new_exemption(reaping, suspect) : Outcome::none;
        if (why == Outcome::none) continue;
        suspect.life = Suspect::Life::kept;
        suspect.outcome = why;
        any = true;
    }
    if (any) keep_children_of_kept(reaping);
}

void take_inventory(Reaping& reaping) {
    // In this order: a child that is counted as having come is in the ledger before it is walked.
    u32 arrivals = reaping.header().arrivals.load(std::memory_order_acquire);
    reaping.births = reaping.header().births.load(std::memory_order_acquire);
    reaping.all_came = arrivals == reaping.births;
    ledger::Walker* walker = reaping.walk();
    if (walker == nullptr) return;
    Line line;
    Entry entry;
    while (walker->next(line)) {
        if (line.state() != State::live && policy::degree_of(line) != policy::Degree::none)
            reaping.touched = true;
        if (!matters(reaping, line)) continue;
        // A line that is all there is of its record says no more when it is read.
        bool whole = is_open_or_thread(line.kind()) && !line.has_more();
        if (!whole && !walker->read(line, entry)) continue;
        if (line.kind() == Kind::process) {
            if (reaping.is_open(entry.state)) note_process(reaping, entry);
        } else if (is_open_or_thread(line.kind())) {
            note_open(reaping, line);
        } else {
            note_thing(reaping, line);
        }
    }
    keep_children_of_kept(reaping);
}

void list_things_again(Reaping& reaping) {
    reaping.things.truncate(0);
    reaping.intents.truncate(0);
    ledger::Walker* walker = reaping.walk();
    if (walker == nullptr) return;
    Line line;
    Entry entry;
    while (walker->next(line)) {
        bool looked_at = !is_open_or_thread(line.kind()) && matters(reaping, line);
        if (!looked_at || !walker->read(line, entry)) continue;
        if (line.kind() == Kind::process)
            settle_latecomer(reaping, entry);
        else
            note_thing(reaping, line);
    }
}

bool may_have_unknown_descendants(Reaping& reaping) {
    if (reaping.other_boot || reaping.request.things_only || reaping.request.readers_only) return false;
    if (reaping.any(is_alive)) return true;
    // What nothing links to a process of the scope can't be told from the rest of a running session.
    if (reaping.request.scope != 0) return false;
    // What forked while the ledger was walked may be where the walk had been already.
    u32 births = reaping.header().births.load(std::memory_order_acquire);
    if (!reaping.all_came || births != reaping.births) return true;
    if (births != reaping.header().arrivals.load(std::memory_order_acquire)) return true;
    // A child that has not come to its constructor yet is in no ledger, and neither is one made by a raw
    // clone.
    if (reaping.request.in_root && reaping.kernel.has_children()) return true;
    constexpr Counter kSigns[] = {Counter::dropped_full, Counter::dropped_limit, Counter::blind_static,
                                  Counter::blind_setid,  Counter::blind_class,   Counter::blind_scan,
                                  Counter::left_ledger};
    for (Counter sign : kSigns) {
        auto& count = reaping.header().counters[static_cast<u32>(sign)];
        if (count.load(std::memory_order_relaxed) != 0) return true;
    }
    return false;
}

}  // namespace leakshim::reap
