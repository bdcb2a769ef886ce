// SPDX-License-Identifier: MIT
#include "witness.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc.h"

namespace leakshim::tools {

namespace {

constexpr int kPatience = 500;  // ms for an answer: one that is stopped has nothing to say
constexpr int kGlance = 50;     // ms between two looks at the command

/// What leakshim-run asks. A signal of 0 asks to watch `pid`, and is not answered.
struct Question {
    int signal;
    int code;
    pid_t pid;
};

/// Takes what is pending until it is the signal that is asked about; what was sent to the witness alone, or
/// forgotten, goes with it.
bool take(const Question& asked) {
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, asked.signal);
    struct timespec at_once {};
    siginfo_t found{};
    for (;;) {
        int answer = sigtimedwait(&one, &found, &at_once);
        if (answer < 0 && errno == EINTR) continue;
        if (answer < 0) return false;
        bool from_user = found.si_code <= 0;
        if (found.si_code == asked.code && (!from_user || found.si_pid == asked.pid)) return true;
    }
}

bool is_stopped(pid_t pid) {
    ProcessStat stat;
    return read_process_stat(pid, stat) && (stat.state == 'T' || stat.state == 't');
}

[[noreturn]] void bear_witness(int socket, pid_t client) {
    prctl(PR_SET_NAME, "leakshim-witns");
    if (socket > 0) close_range(0, static_cast<unsigned>(socket) - 1, 0);
    close_range(static_cast<unsigned>(socket) + 1, ~0U, 0);
    pid_t watched = 0;
    for (;;) {
        struct pollfd ready {
            socket, POLLIN, 0
        };
        int answer = poll(&ready, 1, watched != 0 ? kGlance : -1);
        // Again and again until it says that it goes on: it may not have stopped yet when the first one
        // comes.
        if (answer == 0 && !is_stopped(watched)) kill(client, SIGCONT);
        if (answer <= 0) continue;
        Question asked{};
        if (recv(socket, &asked, sizeof asked, 0) != static_cast<ssize_t>(sizeof asked)) _exit(0);
        if (asked.signal == 0) {
            watched = asked.pid;
            continue;
        }
        char seen = take(asked) ? 1 : 0;
        if (send(socket, &seen, 1, MSG_NOSIGNAL) != 1) _exit(0);
    }
}

}  // namespace

void Witness::start() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return;
    pid_t client = getpid();
    pid_ = fork();
    if (pid_ == 0) bear_witness(ends[1], client);
    close(ends[1]);
    if (pid_ < 0) {
        pid_ = 0;
        close(ends[0]);
        return;
    }
    socket_ = ends[0];
}

void Witness::lost() {
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
    pid_ = 0;
}

void Witness::end() {
    pid_t pid = pid_;
    lost();
    if (pid == 0) return;
    // It may be stopped: SIGKILL ends it nevertheless. It is ours and was not waited for: the number is its
    // own.
    kill(pid, SIGKILL);
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
}

bool Witness::saw(const signalfd_siginfo& signal) {
    if (socket_ < 0) return false;
    Question asked{static_cast<int>(signal.ssi_signo), signal.ssi_code, static_cast<pid_t>(signal.ssi_pid)};
    char seen = 0;
    // An answer that came too late for its question.
    while (recv(socket_, &seen, 1, MSG_DONTWAIT) == 1) {
    }
    if (send(socket_, &asked, sizeof asked, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof asked)) return false;
    struct pollfd ready {
        socket_, POLLIN, 0
    };
    return poll(&ready, 1, kPatience) == 1 && recv(socket_, &seen, 1, 0) == 1 && seen == 1;
}

void Witness::watch(pid_t command) {
    Question asked{0, 0, command};
    if (socket_ >= 0) send(socket_, &asked, sizeof asked, MSG_NOSIGNAL);
}

}  // namespace leakshim::tools
