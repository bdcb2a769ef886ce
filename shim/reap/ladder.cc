// SPDX-License-Identifier: MIT
#include "ladder.h"

#include <errno.h>

#include "holdings.h"
#include "inventory.h"

namespace leakshim::reap {

namespace {

constexpr size_t kBatch = 64;  // pidfds open at a time: hosts have as few as 256 descriptors
constexpr u64 kSlice = 100 * kMillisecond;
constexpr u64 kBlindSlice = 10 * kMillisecond;  // without pidfds
constexpr u64 kKillWait = 5 * kSecond;  // SIGKILL takes its time when a process is in the middle of I/O
constexpr u64 kPatience = 1 * kSecond;  // before it is said what is waited for
constexpr u64 kArrival = 2 * kSecond;   // from a fork to its record, on a loaded machine
constexpr u32 kMaxRounds = 200;
constexpr u32 kNamedInProgress = 5;

bool is_awaited(const Suspect& suspect) {
    return is_alive(suspect) && suspect.awaited;
}

u64 signal_bit(int signal) {
    return u64{1} << (signal - 1);
}

/// Pidfds of up to kBatch suspects.
struct Batch {
    struct pollfd fds[kBatch];
    u32 index[kBatch];
    size_t count = 0;
    bool blind = false;  ///< some are watched through /proc
};

void fill(Reaping& reaping, bool (*pending)(const Suspect&), Batch& batch) {
    batch.count = 0, batch.blind = false;
    for (u32 i = 0; i < reaping.suspects.size() && batch.count < kBatch; ++i) {
        Suspect& suspect = reaping.suspects[i];
        if (!is_alive(suspect) || !pending(suspect)) continue;
        int pidfd = open_suspect(reaping, suspect);
        // No descriptor left: the others' turn comes when these are dead.
        if ((pidfd == -EMFILE || pidfd == -ENFILE) && batch.count != 0) break;
        if (pidfd == -ESRCH || (pidfd < 0 && looks_dead(reaping, suspect))) {
            suspect.life = Suspect::Life::dead;
        } else if (pidfd < 0) {
            batch.blind = true;
        } else {
            batch.fds[batch.count] = {pidfd, POLLIN, 0};
            batch.index[batch.count++] = i;
        }
    }
}

/// Closes those of the batch that died. Returns how many are left.
size_t collect(Reaping& reaping, Batch& batch) {
    size_t left = 0;
    for (size_t i = 0; i < batch.count; ++i) {
        if (batch.fds[i].revents == 0) {
            batch.fds[left] = batch.fds[i];
            batch.index[left++] = batch.index[i];
            continue;
        }
        reaping.suspects[batch.index[i]].life = Suspect::Life::dead;
        reaping.kernel.close(batch.fds[i].fd);
    }
    batch.count = left;
    return left;
}

void close_batch(Reaping& reaping, Batch& batch) {
    for (size_t i = 0; i < batch.count; ++i)
        reaping.kernel.close(batch.fds[i].fd);
    batch.count = 0;
}

/// Says what is waited for, after a second and then every few.
class Progress {
  public:
    explicit Progress(Reaping& reaping) : r_(reaping), next_(reaping.started + kPatience) {}

    void tick() {
        if (r_.request.progress.write == nullptr || r_.now() < next_) return;
        next_ = r_.now() + 5 * kSecond;
        Text<512> line;
        u32 count = 0;
        line.add("leakshim: waiting for");
        for (const Suspect& suspect : r_.suspects) {
            if (!is_alive(suspect) || ++count > kNamedInProgress) continue;
            ProcessStat stat;
            bool named = r_.kernel.read_stat(suspect.pid, stat);
            line.add(count == 1 ? " " : ", ").add_decimal(static_cast<u64>(suspect.pid));
            if (named) line.add(" (").add_safe(stat.name).add(')');
        }
        if (count == 0) return;
        if (count > kNamedInProgress) line.add(" and ").add_decimal(count - kNamedInProgress).add(" more");
        line.add(" to end; Ctrl-C kills at once\n");
        r_.request.progress(line.str());
    }

  private:
    Reaping& r_;
    u64 next_;
};

bool interrupted(Reaping& reaping) {
    if (!reaping.hurried && reaping.request.interrupted()) reaping.hurried = true;
    return reaping.hurried;
}

/// A pidfd of a suspect that lives; -ESRCH when it is gone or a zombie that nobody has waited for.
int open_living(Reaping& reaping, const Suspect& suspect) {
    int pidfd = open_suspect(reaping, suspect);
    struct pollfd poll {
        pidfd, POLLIN, 0
    };
    if (pidfd < 0 || reaping.kernel.poll(&poll, 1, 0) <= 0) return pidfd;
    reaping.kernel.close(pidfd);
    return -ESRCH;
}

/// Polls until all of the batch are dead or it is `until`. Without pidfds it returns to have /proc looked at.
void watch(Reaping& reaping, u64 until, Batch& batch, Progress& progress, bool impatient) {
    u64 slice = batch.blind ? kBlindSlice : kSlice;
    do {
        u64 now = reaping.now();
        u64 left = until > now ? until - now : 0;
        int ready = reaping.kernel.poll(batch.fds, batch.count, left < slice ? left : slice);
        if (ready > 0) collect(reaping, batch);
        if (ready <= 0 && left == 0) return;
        progress.tick();
    } while (batch.count != 0 && !batch.blind && !(impatient && interrupted(reaping)));
}

/// Sends a signal to the very process. False when it could not be sent; then the suspect says why.
bool send(Reaping& reaping, Suspect& suspect, int signal, int and_signal = 0) {
    int pidfd = open_living(reaping, suspect);
    int answer = pidfd;
    if (pidfd >= 0) {
        reaping.actions.signalling(suspect.handle, suspect.generation, signal);
        answer = reaping.kernel.pidfd_signal(pidfd, signal);
        if (answer == 0 && and_signal != 0) reaping.kernel.pidfd_signal(pidfd, and_signal);
        reaping.kernel.close(pidfd);
    }
    if (answer >= 0) return true;
    if (answer == -ESRCH) {
        suspect.life = Suspect::Life::dead;
        return false;
    }
    suspect.life = Suspect::Life::spared;
    suspect.outcome = pidfd < 0          ? Outcome::no_pidfd
                      : answer == -EPERM ? Outcome::no_permission
                                         : Outcome::system_error;
    return false;
}

u64 rung_end(Reaping& reaping, u64 duration) {
    u64 end = reaping.now() + duration;
    return end < reaping.deadline ? end : reaping.deadline;
}

/// Looks for what the suspects started meanwhile. What is found late has ports and socket files too. True
/// when there is something to end.
bool look_again(Reaping& reaping) {
    size_t known = reaping.suspects.size();
    find_descendants(reaping);
    for (size_t i = known; i < reaping.suspects.size(); ++i)
        reaping.call_leaked(reaping.suspects[i]);
    record_holdings(reaping, known);
    return reaping.any(is_alive);
}

/// True when somebody was asked.
bool polite_rung(Reaping& reaping) {
    bool any = false;
    for (Suspect& suspect : reaping.suspects) {
        suspect.awaited = false;
        if (!is_alive(suspect)) continue;
        ProcessSignals signals;
        int signal = reaping.kernel.read_signals(suspect.pid, signals) ? polite_signal(signals) : 0;
        if (signal == 0 || !send(reaping, suspect, signal, SIGCONT)) continue;
        suspect.polite = static_cast<u8>(signal);
        suspect.last = Outcome::ended_by_polite;
        suspect.awaited = any = true;
    }
    if (any) wait_for_deaths(reaping, rung_end(reaping, reaping.options.polite), is_awaited);
    return any;
}

void term_rung(Reaping& reaping) {
    bool any = false;
    for (Suspect& suspect : reaping.suspects) {
        suspect.awaited = false;
        if (!is_alive(suspect)) continue;
        ProcessSignals signals;
        // One that blocks it may be waiting for it with sigwait(3); one that ignores it will not end by it.
        bool ignores =
            reaping.kernel.read_signals(suspect.pid, signals) && (signals.ignored & signal_bit(SIGTERM)) != 0;
        if (ignores) continue;
        // Who got it on the polite rung is given the time of this one too, but no second signal: to some
        // programs that means "at once".
        if (suspect.polite != SIGTERM) {
            if (!send(reaping, suspect, SIGTERM, SIGCONT)) continue;
            suspect.last = Outcome::ended_by_term;
        }
        suspect.awaited = any = true;
    }
    if (any) wait_for_deaths(reaping, rung_end(reaping, reaping.options.term), is_awaited);
}

/// Stops everything before it kills anything: a supervisor that is stopped can't restart what is killed.
void kill_rung(Reaping& reaping) {
    for (Suspect& suspect : reaping.suspects) {
        if (is_alive(suspect)) send(reaping, suspect, SIGSTOP);
    }
    reaping.freezing = true;
    look_again(reaping);
    reaping.freezing = false;
    bool any = false;
    for (Suspect& suspect : reaping.suspects) {
        suspect.awaited = false;
        if (!is_alive(suspect) || !send(reaping, suspect, SIGKILL)) continue;
        suspect.last = Outcome::ended_by_kill;
        suspect.awaited = any = true;
    }
    // SIGKILL is waited for even when the deadline is over or the user in a hurry: what dies now must not be
    // called a survivor.
    if (any) wait_for_deaths(reaping, reaping.now() + kKillWait, is_awaited, false);
    for (Suspect& suspect : reaping.suspects) {
        if (!is_awaited(suspect)) continue;
        int pidfd = open_living(reaping, suspect);
        if (pidfd >= 0) reaping.kernel.close(pidfd);
        suspect.life = pidfd == -ESRCH ? Suspect::Life::dead : Suspect::Life::spared;
        suspect.outcome = Outcome::survived_kill;
    }
}

}  // namespace

int polite_signal(const ProcessSignals& signals) {
    for (int signal : {SIGINT, SIGTERM}) {
        bool hears = (signals.caught & ~signals.ignored & ~signals.blocked & signal_bit(signal)) != 0;
        if (hears) return signal;
    }
    return 0;
}

bool wait_for_deaths(Reaping& reaping, u64 until, bool (*pending)(const Suspect&), bool impatient) {
    Progress progress(reaping);
    Batch batch;
    for (;;) {
        fill(reaping, pending, batch);
        if (batch.count == 0 && !batch.blind) return true;
        // When the time is over each is looked at once more: who died last is not called alive.
        bool over = reaping.now() >= until || (impatient && interrupted(reaping));
        watch(reaping, over ? 0 : until, batch, progress, impatient);
        bool left = batch.count != 0 || batch.blind;
        close_batch(reaping, batch);
        if (over && left) return false;
    }
}

void climb_ladder(Reaping& reaping) {
    reaping.arrival_limit = kArrival;
    if (!interrupted(reaping)) {
        if (polite_rung(reaping)) look_again(reaping);
        if (!interrupted(reaping)) term_rung(reaping);
    }
    // What appears from now on was started by those that were asked: it is not asked.
    for (u32 round = 0; look_again(reaping); ++round) {
        if (round == kMaxRounds || (round != 0 && reaping.out_of_time())) break;
        kill_rung(reaping);
    }
    for (Suspect& suspect : reaping.suspects) {
        if (!is_alive(suspect)) continue;
        suspect.life = Suspect::Life::spared;
        suspect.outcome = Outcome::out_of_time;
    }
}

}  // namespace leakshim::reap
