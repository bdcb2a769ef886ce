// SPDX-License-Identifier: MIT
//
// Every call that makes a descriptor, refused because the process may have no more of them: the errno is the
// kernel's, nothing is left behind, and nothing is recorded.
//
// before: file {cwd}/input
// expect: nothing
// status: 0
#include <dirent.h>
#include <mqueue.h>
#include <poll.h>
#include <pty.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "victim.h"

#pragma GCC diagnostic ignored "-Wredundant-decls"
extern int __pipe(int ends[2]);
extern int __open64(const char* path, int flags, ...);
extern int __open_2(const char* path, int flags);
extern int __open64_2(const char* path, int flags);
extern int __openat_2(int directory, const char* path, int flags);

static void refuse_special_ones(void) {
    sigset_t mask;
    sigemptyset(&mask);
    SHOW(eventfd(0, 0));
    SHOW(timerfd_create(CLOCK_REALTIME, 0));
    SHOW(signalfd(-1, &mask, 0));
    SHOW(epoll_create(1));
    SHOW(epoll_create1(0));
    SHOW(inotify_init());
    SHOW(inotify_init1(0));
    SHOW(fanotify_init(FAN_CLOEXEC, O_RDONLY));
    SHOW(memfd_create("brief", 0));
    SHOW(pidfd_open(getpid(), 0));
    SHOW(posix_openpt(O_RDWR | O_NOCTTY));
    int ends[2];
    SHOW(openpty(&ends[0], &ends[1], NULL, NULL, NULL));
    SHOW(forkpty(&ends[0], NULL, NULL, NULL));
}

static void refuse_files(const char* tag) {
    SHOW(open("input", O_RDONLY));
    SHOW(open(in_tmp("new"), O_RDWR | O_CREAT, 0600));
    SHOW(__open64("input", O_RDONLY));
    SHOW(__open_2("input", O_RDONLY));
    SHOW(__open64_2("input", O_RDONLY));
    SHOW(__openat_2(AT_FDCWD, "input", O_RDONLY));
    SHOW(openat(AT_FDCWD, "input", O_RDONLY));
    SHOW(creat(in_tmp("new"), 0600));
    SHOW_POINTER(fopen(in_tmp("new"), "w"));
    SHOW_POINTER(tmpfile());
    SHOW_POINTER(tmpfile64());
    SHOW_POINTER(opendir("."));
    SHOW(mkstemp(in_tmp("new-XXXXXX")));
    SHOW(shm_open(ipc_name("brief", tag), O_CREAT | O_RDWR, 0600));
    SHOW((long)sem_open(ipc_name("brief", tag), O_CREAT, 0600, 1));
    SHOW(mq_open(ipc_name("brief", tag), O_CREAT | O_RDWR, 0600, SMALL_QUEUE));
    SHOW_POINTER(popen("true", "r"));
}

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    SHOW(close(-1));  // a session that is to begin needs descriptors itself
    struct rlimit before;
    SHOW(getrlimit(RLIMIT_NOFILE, &before));
    const struct rlimit none = {3, before.rlim_max};
    int ends[2];
    SHOW(setrlimit(RLIMIT_NOFILE, &none));
    SHOW(pipe(ends));
    SHOW(__pipe(ends));
    SHOW(pipe2(ends, O_CLOEXEC));
    SHOW(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    SHOW(dup(1));
    SHOW(dup2(1, 3));
    SHOW(dup3(1, 3, 0));
    SHOW(fcntl(1, F_DUPFD, 0));
    refuse_special_ones();
    refuse_files(tag);
    SHOW(setrlimit(RLIMIT_NOFILE, &before));
    return 0;
}
