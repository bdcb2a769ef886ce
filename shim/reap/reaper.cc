// SPDX-License-Identifier: MIT
#include "reaper.h"

#include <new>

#include "holdings.h"
#include "inventory.h"
#include "ladder.h"
#include "readers.h"
#include "things.h"

namespace leakshim::reap {

namespace {

namespace flag = ledger::flag;

/// A run that leaked descriptors up to its limit leaves none for us.
void make_room_for_descriptors(Reaping& reaping) {
    if (reaping.suspects.empty() && reaping.things.empty()) return;
    int probe = reaping.kernel.open(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
    if (probe >= 0)
        reaping.kernel.close(probe);
    else
        reaping.kernel.raise_fd_limit();
}

bool may_be_retired(const Item& item) {
    if ((item.flags & (flag::kStdio | flag::kRetired | flag::kToRetire | flag::kWanted)) != 0) return false;
    // Regular files may hold locks and data; what is of no known kind may be one, or a copy of a standard
    // device.
    return item.kind != Kind::file && item.kind != Kind::other_fd;
}

/// Marks a record, if it is still the one that was looked at. Its process may close the descriptor at any
/// time and open another, whose record takes the same place: a mark that came too late is taken back, before
/// anybody is asked to look for marks.
bool mark_to_retire(ledger::Record& record, u32 generation) {
    u32 word = generation << 8 | static_cast<u32>(State::live);
    auto is_same = [&] { return record.state.load(std::memory_order_seq_cst) == word; };
    if (!is_same()) return false;
    record.flags.fetch_or(flag::kToRetire, std::memory_order_seq_cst);
    if (is_same()) return true;
    record.flags.fetch_and(static_cast<u8>(~flag::kToRetire), std::memory_order_relaxed);
    return false;
}

/// Marks the scope's descriptors in processes that live on, for these to retire them at their next hook.
void ask_for_retirement(Reaping& reaping) {
    HashMap dying;
    for (const Suspect& suspect : reaping.suspects) {
        if (is_alive(suspect)) dying.insert(hash_pair(suspect.handle, 2));
    }
    u32 marked = 0;
    Entry entry, owner;
    for (Item& item : reaping.open) {
        bool wanted =
            reaping.options.reap && may_be_retired(item) && !dying.contains(hash_pair(item.owner, 2));
        wanted = wanted && reaping.look(item.owner, owner) && owner.kind == Kind::process;
        wanted = wanted && owner.state == State::live && reaping.look(item.handle, entry);
        wanted = wanted && reaping.ruling_of(entry) == policy::Ruling::none;
        ledger::Record* record = reaping.ledger.at(item.handle);
        if (wanted && record != nullptr && mark_to_retire(*record, item.generation))
            ++marked;
        else
            item.kind = Kind::none;
    }
    if (marked == 0) return;
    reaping.ledger.header()->retire_epoch.fetch_add(1, std::memory_order_release);
    reaping.request.retire();
}

/// How far the processes have come with that.
void count_retired(Reaping& reaping) {
    for (const Item& item : reaping.open) {
        if (item.kind == Kind::none) continue;
        const ledger::Record* record = reaping.ledger.at(item.handle);
        u32 word = record->state.load(std::memory_order_acquire);
        if (word >> 8 != item.generation) continue;  // closed by its owner
        bool waits = static_cast<State>(word & 0xff) == State::live;
        if (waits)
            ++reaping.scoped.retiring;
        else
            ++reaping.scoped.warnings;
        reaping.touched = true;
    }
}

/// How long the process has waited for a processor in its life, in ns and never 0: the second number of
/// /proc/PID/schedstat (proc(5)), of its first thread. 1 where that is not to be had.
u64 queued_for(Reaping& reaping, int pid) {
    char text[96];
    long size = reaping.kernel.read_process(pid, "schedstat", text, sizeof text - 1);
    Str rest(text, size > 0 ? static_cast<size_t>(size) : 0);
    take_until(rest, ' ');
    u64 queued = 0;
    parse_decimal(take_until(rest, ' '), queued);
    return queued + 1;
}

/// Of the living, the longest that one has waited for a processor since it was first asked about.
u64 longest_wait(Reaping& reaping) {
    u64 longest = 0;
    for (Suspect& suspect : reaping.suspects) {
        if (!is_alive(suspect)) continue;
        u64 queued = queued_for(reaping, suspect.pid);
        if (suspect.queued == 0) suspect.queued = queued;
        if (queued - suspect.queued > longest && queued > suspect.queued) longest = queued - suspect.queued;
    }
    return longest;
}

/// Waits for what is on its way out, until `until`.
void wait_for_the_leaving(Reaping& reaping, u64 until) {
    if (reaping.any(is_alive)) wait_for_deaths(reaping, until, is_alive);
    // What has gone when it was waited for may have gone on as another process.
    while (may_have_unknown_descendants(reaping) && find_descendants(reaping) != 0) {
        if (!wait_for_deaths(reaping, until, is_alive)) break;
    }
}

/// Waits for what is on its way out, finds what did not register, and calls the rest leaked. On a machine
/// under load the time that a process stands in line for a processor does not count: it had no chance.
void linger(Reaping& reaping) {
    constexpr u64 kPatience = 10;  // times the linger, and no longer
    u64 time = reaping.options.linger, more = longest_wait(reaping);
    for (;;) {
        u64 until = reaping.started + time + more;
        wait_for_the_leaving(reaping, until);
        // Back before its time: all are gone, or the user is in a hurry.
        if (reaping.now() < until || reaping.out_of_time()) break;
        u64 waited = longest_wait(reaping);
        more = waited < time * kPatience ? waited : time * kPatience;
        // For less it would not be worth another look at all processes.
        if (reaping.started + time + more <= until + time / 8) break;
    }
    exempt_again(reaping);
    for (Suspect& suspect : reaping.suspects) {
        if (is_alive(suspect)) reaping.call_leaked(suspect);
    }
}

/// True when the descriptor still is of the kind that was recorded.
bool is_still(Reaping& reaping, const Item& item) {
    int flags = reaping.kernel.descriptor_flags(item.number);
    FileFacts facts;
    if (flags < 0 || reaping.kernel.entry_facts(item.number, "", facts) != 0) return false;
    if (item.kind == Kind::socket) return S_ISSOCK(facts.mode);
    if (item.kind != Kind::pipe) return !S_ISSOCK(facts.mode);
    bool writes = (flags & O_ACCMODE) == O_WRONLY;
    return S_ISFIFO(facts.mode) && writes == ((item.flags & flag::kWriteEnd) != 0);
}

/// Sockets and the writing ends of pipes: closing them is the politest way to tell a child that it is over.
/// Files and streams are left to the exit, which flushes.
bool may_be_closed(const Item& item) {
    if (item.number <= 2 || (item.flags & (flag::kStdio | flag::kRetired)) != 0) return false;
    return item.kind == Kind::socket || (item.kind == Kind::pipe && (item.flags & flag::kWriteEnd) != 0);
}

/// The file that `argument` names where the root began; false when there is none.
bool find_argument(Reaping& reaping, Str argument, FileFacts& facts) {
    const auto& cwd = reaping.header().cwd;
    TextBuffer path(reaping.buffers.path, sizeof reaping.buffers.path);
    if (argument.empty()) return false;
    if (argument.front() != '/') path.add(Str(cwd.text, cwd.size <= sizeof cwd.text ? cwd.size : 0));
    if (path.size() != 0) path.cut(path.size() - 1), path.add('/');
    path.add(argument);
    return !path.truncated() && reaping.kernel.target_facts(AT_FDCWD, path.c_str(), facts) == 0;
}

/// True for the script that the root is the shell of: the first file that its command line names. A shell
/// reads it until it ends, from a descriptor out of the way (10 and above): no leak of anybody's.
bool is_own_script(Reaping& reaping, const Item& item) {
    if (item.kind != Kind::file || item.number < 10) return false;
    FileFacts open, named;
    int flags = reaping.kernel.descriptor_flags(item.number);
    if (flags < 0 || (flags & O_ACCMODE) != O_RDONLY) return false;
    Entry self;
    if (reaping.kernel.entry_facts(item.number, "", open) != 0) return false;
    if (!reaping.look(item.owner, self) || self.kind != Kind::process) return false;
    Str rest = self.text;
    for (take_until(rest, '\0'); !rest.empty();) {
        if (find_argument(reaping, take_until(rest, '\0'), named))
            return named.id.dev == open.id.dev && named.id.ino == open.id.ino;
    }
    return false;
}

/// Every process ends with its three standard descriptors open; only a port is somebody else's trouble.
bool is_standard(const Item& item) {
    return item.number <= 2 && ledger::is_fd(item.kind) && item.kind != Kind::socket;
}

/// Judges what the root itself has open, and closes of it what may be closed: in report mode too, since the
/// root ends now, and who ends with that is no leak.
void judge_own(Reaping& reaping) {
    int dead = -1;
    Entry entry;
    for (const Item& item : reaping.own) {
        if (is_standard(item) || is_own_script(reaping, item)) {
            reaping.ledger.release(reaping.request.lease, item.handle, item.generation);
            continue;
        }
        if (!reaping.look(item.handle, entry) || entry.generation != item.generation) continue;
        if (ledger::is_fd(item.kind) && !is_still(reaping, item)) {
            reaping.ledger.release(reaping.request.lease, item.handle, item.generation);
            reaping.ledger.count(ledger::Counter::closed_behind);
            continue;
        }
        bool has_port = item.kind == Kind::socket && (entry.a >> 32) != 0;
        policy::Verdict verdict = policy::judge_open_at_exit(item.kind, item.flags, has_port);
        policy::Ruling ruling = reaping.ruling_of(entry);
        if (ruling != policy::Ruling::none)
            verdict = {policy::Action::none, State::kept, policy::outcome_of(ruling)};
        reaping.settle(item, verdict.state, verdict.outcome);
        if (verdict.state == State::kept || !may_be_closed(item)) continue;
        // A dead descriptor in its place, so that a thread that still runs can't be given our own under its
        // number.
        if (dead < 0) dead = reaping.kernel.open(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
        if (dead >= 0) reaping.kernel.retire(dead, item.number);
    }
    if (dead >= 0) reaping.kernel.close(dead);
}

void end_processes(Reaping& reaping) {
    bool leaked = reaping.any([](const Suspect& suspect) { return suspect.leaked; });
    if (leaked && reaping.options.reap) climb_ladder(reaping);
}

/// Writes into its record what was found out of a process, for who reads the ledger later: which signal ended
/// it, and of a fork that executed nothing, and whose record has its number alone, who it was.
void complete_record(Reaping& reaping, const Suspect& suspect) {
    ledger::Record* record = reaping.ledger.at(suspect.handle);
    u32 word = suspect.generation << 8 | static_cast<u32>(suspect.from);
    if (record == nullptr || record->state.load(std::memory_order_acquire) != word) return;
    if (suspect.polite != 0) record->c = (record->c & ~u64{0xff}) | suspect.polite;
    bool unknown = record->a == 0 && record->b == 0;
    if (!unknown || suspect.life == Suspect::Life::dead) return;
    if (suspect.inode != 0)
        std::atomic_ref<u64>(record->a).store(suspect.inode, std::memory_order_relaxed);
    else
        std::atomic_ref<u64>(record->b).store(suspect.start, std::memory_order_relaxed);
}

void settle_processes(Reaping& reaping) {
    for (const Suspect& suspect : reaping.suspects) {
        if (suspect.handle == 0 || suspect.outside) continue;
        if (suspect.life == Suspect::Life::reader) continue;  // its record stays live, for the guard
        State state = State::leaked;
        Outcome outcome = Outcome::kept_by_mode;
        switch (suspect.life) {
            case Suspect::Life::alive:
            case Suspect::Life::reader:
                break;
            case Suspect::Life::dead:
                if (!suspect.leaked && suspect.from == State::live) {
                    reaping.end_process(suspect.handle, suspect.generation);
                    continue;
                }
                state = State::reaped, outcome = suspect.last;
                break;
            case Suspect::Life::kept:
                state = State::kept, outcome = suspect.outcome;
                break;
            case Suspect::Life::spared:
                state = State::failed, outcome = suspect.outcome;
                break;
        }
        complete_record(reaping, suspect);
        reaping.settle(suspect.handle, suspect.generation, suspect.from, state, outcome);
    }
}

void settle_intents(Reaping& reaping) {
    for (const Item& item : reaping.intents)
        reaping.settle(item, State::intent, Outcome::unresolved_intent);
}

}  // namespace

void count_finding(const Entry& entry, Result& result) {
    policy::Degree degree = policy::degree_of(entry);
    if (degree == policy::Degree::none) return;
    bool error = degree == policy::Degree::error;
    if (error) ++result.errors;
    if (degree == policy::Degree::warning) ++result.warnings;
    if (degree == policy::Degree::note) ++result.notes;
    if (error && entry.state == State::reaped) ++result.reaped;
    if (error && entry.state == State::failed) ++result.failed;
    if (entry.state == State::kept) ++result.kept;
    if (entry.state == State::intent) ++result.unresolved;
}

Result reap(const Request& request) {
    Paged<Buffers> buffers;
    if (!buffers) return {};
    Reaping reaping(request, *buffers);
    take_inventory(reaping);
    make_room_for_descriptors(reaping);
    // Before the linger: a helper that waits for the end of its pipe ends as it would have ended.
    judge_own(reaping);
    ask_for_retirement(reaping);
    if (request.in_root) find_readers(reaping);
    linger(reaping);
    bool had_processes = !reaping.suspects.empty();
    if (had_processes) record_holdings(reaping, 0);
    end_processes(reaping);
    settle_processes(reaping);
    settle_holdings(reaping);
    // Processes make and remove things until they are dead.
    if (had_processes) list_things_again(reaping);
    reap_things(reaping);
    settle_intents(reaping);
    count_retired(reaping);
    if (request.scope != 0) return reaping.scoped;
    Result result = reaping.touched ? count_findings(reaping.ledger) : Result{};
    for (const Suspect& suspect : reaping.suspects)
        result.readers += suspect.life == Suspect::Life::reader && suspect.handle != 0;
    return result;
}

Result count_findings(ledger::Ledger& ledger) {
    Result result;
    Paged<Buffers> buffers;
    if (!buffers) return result;
    ledger::MappedSource source(ledger);
    auto& header = *reinterpret_cast<ledger::Header*>(buffers->header);
    if (ledger::read_header(source, header) != ledger::Verdict::ok) return result;
    auto* walker = new (buffers->walker) ledger::Walker(source, header);
    ledger::Line line;
    Entry entry;
    while (walker->next(line)) {
        if (line.state() != State::live && walker->read(line, entry)) count_finding(entry, result);
    }
    return result;
}

}  // namespace leakshim::reap
