// SPDX-License-Identifier: MIT
//
// The same kinds, each closed again, and each call refused once.
//
// expect: nothing
// status: 0
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    sigset_t mask;
    sigemptyset(&mask);
    SHOW(close(SHOW(eventfd(0, 0))));
    SHOW(close(SHOW(timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC))));
    SHOW(close(SHOW(signalfd(-1, &mask, 0))));
    SHOW(close(SHOW(epoll_create(1))));
    SHOW(close(SHOW(epoll_create1(0))));
    SHOW(close(SHOW(inotify_init())));
    SHOW(close(SHOW(inotify_init1(0))));
    SHOW(close(SHOW(memfd_create("brief", 0))));
    SHOW(close(SHOW(pidfd_open(getpid(), 0))));
    // Only root may; anybody else shows that it is refused.
    SHOW(close(SHOW(fanotify_init(FAN_CLOEXEC, O_RDONLY))));
    SHOW(eventfd(0, 0x7fff));
    SHOW(timerfd_create(12345, 0));
    SHOW(signalfd(-1, &mask, 0x7fff));
    SHOW(signalfd(STDIN_FILENO, &mask, 0));
    SHOW(epoll_create(0));
    SHOW(epoll_create1(0x7fff));
    SHOW(inotify_init1(0x7fff));
    SHOW(memfd_create("brief", 0x7fff));
    SHOW(pidfd_open(-1, 0));
    SHOW(pidfd_open(getpid(), 0x7fff));
    return 0;
}
