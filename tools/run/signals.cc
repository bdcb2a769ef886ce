// SPDX-License-Identifier: MIT
#include "signals.h"

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace leakshim::tools {

namespace {

void set_unblocked(int signal, int how) {
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal);
    sigprocmask(how, &one, nullptr);
}

}  // namespace

SignalState take_over_signals() {
    SignalState state{};
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &state.mask);
    struct sigaction before {};
    struct sigaction plain {};
    plain.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &plain, &before);
    state.child_ignored = before.sa_handler == SIG_IGN;
    return state;
}

void hand_back_signals(const SignalState& state) {
    if (state.child_ignored) signal(SIGCHLD, SIG_IGN);
    sigprocmask(SIG_SETMASK, &state.mask, nullptr);
}

int open_signals() {
    sigset_t all;
    sigfillset(&all);
    return signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC);
}

void end_by_signal(int signal) {
    struct rlimit none {
        0, 0
    };
    setrlimit(RLIMIT_CORE, &none);
    ::signal(signal, SIG_DFL);
    kill(getpid(), signal);
    set_unblocked(signal, SIG_UNBLOCK);
}

void stop_by_signal(int signal) {
    kill(getpid(), signal);
    if (signal == SIGSTOP) return;
    set_unblocked(signal, SIG_UNBLOCK);
    set_unblocked(signal, SIG_BLOCK);
}

}  // namespace leakshim::tools
