// SPDX-License-Identifier: MIT
#include "supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ladder.h"
#include "proc.h"
#include "signals.h"
#include "sys.h"

namespace leakshim::tools {

namespace {

constexpr u64 kLongest = 3600 * kSecond;     // poll(2) counts in an int
constexpr u64 kGlance = 250 * kMillisecond;  // between two looks for orphans, which nothing announces

/// From the kernel itself: the terminal's keys and its hang-up, above all.
bool is_from_kernel(const signalfd_siginfo& signal) {
    return signal.ssi_code == SI_KERNEL;
}

}  // namespace

Supervisor::Supervisor(pid_t command, int signals, Witness& witness, Orphans* orphans, HangWatch& hang,
                       const Options& options, u64 timeout)
    : command_(command),
      signals_(signals),
      witness_(witness),
      orphans_(orphans),
      hang_(hang),
      options_(options) {
    if (timeout != 0) next_step_ = sys::boottime() + timeout;
}

CommandEnd Supervisor::wait() {
    while (!collect()) {
        struct pollfd ready {
            signals_, POLLIN, 0
        };
        poll(&ready, 1, time_left());
        read_signals();
        if (orphans_ != nullptr) orphans_->look(command_, witness_.pid());
        hang_.look();
        if (next_step_ != 0 && sys::boottime() >= next_step_) climb();
    }
    return end_;
}

int Supervisor::time_left() const {
    u64 now = sys::boottime();
    u64 left = hang_.time_left(orphans_ != nullptr ? kGlance : kLongest);
    if (next_step_ != 0 && next_step_ < now + left) left = next_step_ > now ? next_step_ - now : 0;
    return static_cast<int>((left + kMillisecond - 1) / kMillisecond);
}

void Supervisor::read_signals() {
    signalfd_siginfo signal{};
    while (read(signals_, &signal, sizeof signal) == static_cast<ssize_t>(sizeof signal))
        pass_on(signal);
}

void Supervisor::pass_on(const signalfd_siginfo& signal) {
    auto number = static_cast<int>(signal.ssi_signo);
    bool from_user = signal.ssi_code <= 0;
    // A child's news, not somebody's wish.
    if (number == SIGCHLD && !from_user) return;
    bool reached = reached_command(signal);
    if (number == SIGTSTP) stop_key_ = true;
    if (number == SIGCONT) stop_key_ = false;
    bool from_witness = from_user && static_cast<pid_t>(signal.ssi_pid) == witness_.pid();
    if (!reached && !from_witness) send(signal);
}

/// Signals that are pending are not counted: the witness has the second of two for the first as long as it
/// was not asked about that. Then the second is pending here too by now, since one kill(2) of a group can't
/// be interrupted between its members.
bool Supervisor::went_to_group(const signalfd_siginfo& signal) {
    bool seen = witness_.saw(signal);
    if (signal.ssi_signo >= sizeof merged_ / sizeof *merged_) return seen;  // those that are queued
    Merged& merged = merged_[signal.ssi_signo];
    if (!seen) seen = merged.due && merged.sender == signal.ssi_pid;
    sigset_t pending;
    sigpending(&pending);
    merged = {seen && sigismember(&pending, static_cast<int>(signal.ssi_signo)) == 1, signal.ssi_pid};
    return seen;
}

/// True when the signal went to the command as well. The witness is asked in any case: what it knows and is
/// not asked for would be taken for a later signal.
bool Supervisor::reached_command(const signalfd_siginfo& signal) {
    bool to_group = went_to_group(signal);
    if (is_from_kernel(signal))
        return true;  // if the command is elsewhere by now, the terminal does not mean it
    return to_group && getpgid(command_) == getpgrp();
}

/// The command is our child and was not waited for, so its number is its own.
void Supervisor::send(const signalfd_siginfo& signal) {
    auto number = static_cast<int>(signal.ssi_signo);
    if (signal.ssi_code != SI_QUEUE) {
        kill(command_, number);
        return;
    }
    siginfo_t info{};
    info.si_signo = number;
    info.si_code = SI_QUEUE;
    info.si_pid = static_cast<pid_t>(signal.ssi_pid);
    info.si_uid = signal.ssi_uid;
    info.si_value.sival_ptr = reinterpret_cast<void*>(signal.ssi_ptr);
    syscall(SYS_rt_sigqueueinfo, command_, number, &info);
}

/// Takes all news of children: the command's, the witness's, and those of orphans that were given to us. True
/// when the command has ended.
bool Supervisor::collect() {
    bool ended = false;
    for (;;) {
        siginfo_t news{};
        int answer = waitid(P_ALL, 0, &news, WEXITED | WSTOPPED | WNOHANG | __WALL);
        if (answer != 0 && errno == EINTR) continue;
        if (answer != 0 || news.si_pid == 0) return ended;
        if (news.si_pid == witness_.pid() && news.si_code != CLD_STOPPED) witness_.lost();
        if (news.si_pid != command_) continue;
        if (news.si_code == CLD_STOPPED) {
            stop_too(news.si_status);
        } else if (news.si_code == CLD_EXITED) {
            end_.status = news.si_status;
            ended = true;
        } else if (news.si_code == CLD_KILLED || news.si_code == CLD_DUMPED) {
            end_.signal = news.si_status;
            ended = true;
        }
    }
}

/// The command was stopped as a job is: so are we, for the shell to see. One that somebody stopped by SIGSTOP
/// alone is no job that was put aside.
void Supervisor::stop_too(int signal) {
    bool as_job = signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
    if (!as_job && !(signal == SIGSTOP && stop_key_)) return;
    witness_.watch(command_);
    stop_by_signal(signal);
    witness_.unwatch();
}

void Supervisor::ask(int signal, u64 patience) {
    kill(command_, signal);
    kill(command_, SIGCONT);
    end_.asked_with = signal;
    next_step_ = patience == 0 ? 0 : sys::boottime() + patience;
}

/// The next rung, when the time is over: the polite signal that the command has a handler for, as the reaper
/// would send it; SIGTERM; SIGKILL.
void Supervisor::climb() {
    end_.timed_out = true;
    ProcessSignals signals;
    if (rung_++ == 0) {
        int polite = read_process_signals(command_, signals) ? reap::polite_signal(signals) : 0;
        if (polite != 0) return ask(polite, options_.polite);
        ++rung_;
        return ask(SIGTERM, options_.term);
    }
    if (rung_ == 2 && end_.asked_with != SIGTERM) return ask(SIGTERM, options_.term);
    if (rung_ == 2) {
        // Who got SIGTERM already is given the time, not the signal: to some programs a second means "at
        // once".
        next_step_ = sys::boottime() + options_.term;
        return;
    }
    ask(SIGKILL, 0);
}

}  // namespace leakshim::tools
