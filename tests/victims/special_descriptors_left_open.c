// SPDX-License-Identifier: MIT
//
// Every kind of descriptor that is neither file nor socket nor pipe, left open by the root.
//
// expect: warning eventfd
// expect: warning timerfd
// expect: warning signalfd
// expect: warning epoll
// expect: warning epoll
// expect: warning inotify
// expect: warning inotify
// expect: warning memfd
// expect: warning pidfd
// status: 0
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    sigset_t mask;
    sigemptyset(&mask);
    SHOW(eventfd(0, EFD_CLOEXEC));
    SHOW(timerfd_create(CLOCK_MONOTONIC, 0));
    const int signals = SHOW(signalfd(-1, &mask, SFD_CLOEXEC));
    SHOW(signalfd(signals, &mask, 0));
    SHOW(epoll_create(4));
    SHOW(epoll_create1(EPOLL_CLOEXEC));
    SHOW(inotify_init());
    SHOW(inotify_init1(IN_NONBLOCK));
    SHOW(memfd_create("leak", MFD_CLOEXEC));
    SHOW(pidfd_open(getpid(), 0));
    return 0;
}
