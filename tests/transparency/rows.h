// SPDX-License-Identifier: MIT
//
// What rows.c prepares for one call, in a process and a directory of its own: files, and what a row asks for
// beyond them. All of it is made before a cancellation is pending or a signal blocked, so that only the call
// itself can tell.
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

// Not in every header.
int pidfd_open(pid_t pid, unsigned flags);
int pidfd_getfd(int pidfd, int fd, unsigned flags);

// What a row needs beside the files.
enum {
    SOCKETS = 1,       // asked (somebody waits there), idle (nobody), full (no room for more), socket
    STREAMS = 2,       // stream, directory
    IPC = 4,           // objects by the name `present`, and shm, sem, msg, queue
    THREADS = 8,       // ended and running; the latter waits at the gate
    CHILD = 16,        // a child that has ended
    SITTER = 32,       // a child that waits at the gate
    LOCKED = 64,       // a child that holds a lock on the file until the gate opens
    PIPED = 128,       // a popen that ends with 3
    PIPED_FIFO = 256,  // a popen that reads the fifo
    DAEMON = 512,      // what comes back is not the process that called
};

static struct {
    int fd, writable, pidfd, self_fd, ends[2], gate[2];
    int asked, idle, full, socket;
    FILE *stream, *piped;
    DIR* directory;
    char pattern[16], no_pattern[16], pattern_and_suffix[16], assignment[16], name[64], present[64],
        absent[64];
    char command[4200];
    const char* self;
    char* arguments[3];
    mqd_t queue;
    int key, shm, sem, msg;
    pthread_t ended, running, other;
    pid_t child, pid;
    siginfo_t info;
    sigset_t mask;
    dev_t device;
    struct flock lock, write_lock;
    struct timespec past, later;
    char stack[65536] __attribute__((aligned(16)));
} x;

static void must(int good, const char* what) {
    if (good) return;
    dprintf(STDERR_FILENO, "rows can't prepare %s: %s\n", what, strerror(errno));
    _exit(90);
}

static void* idle(void* argument) {
    return argument;
}

static int idle_c11(void* argument) {
    return argument != NULL;
}

static void wait_at_the_gate(void) {
    char byte;
    while (read(x.gate[0], &byte, 1) < 0 && errno == EINTR)
        continue;
}

static void* runner(void* argument) {
    wait_at_the_gate();
    return argument;
}

static struct sockaddr_un unix_address;
#define UNIX_SIZE ((socklen_t)sizeof unix_address)

static const struct sockaddr* unix_named(const char* name) {
    unix_address.sun_family = AF_UNIX;
    snprintf(unix_address.sun_path, sizeof unix_address.sun_path, "%s", name);
    return (const struct sockaddr*)&unix_address;
}

static int unix_socket(void) {
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int unix_listener(const char* name, int backlog) {
    int fd = unix_socket();
    must(fd >= 0 && bind(fd, unix_named(name), UNIX_SIZE) == 0 && listen(fd, backlog) == 0, name);
    return fd;
}

static void prepare_files(void) {
    x.writable = open("file", O_CREAT | O_RDWR, 0600);
    must(write(x.writable, "text", 4) == 4, "a file");
    x.fd = open("file", O_RDONLY);
    must(mkdir("dir", 0700) == 0 && mkfifo("fifo", 0600) == 0 && pipe(x.gate) == 0, "a directory");
    x.pidfd = pidfd_open(getpid(), 0);
    x.self_fd = open(x.self, O_RDONLY | O_CLOEXEC);
    strcpy(x.pattern, "a.XXXXXX");
    strcpy(x.no_pattern, "a.XXX");
    strcpy(x.pattern_and_suffix, "a.XXXXXX.c");
    strcpy(x.assignment, "NAME=value");
    x.lock = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET};
    x.write_lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
    x.later.tv_sec = time(NULL) + 3600;
    sigemptyset(&x.mask);
    sigaddset(&x.mask, SIGUSR2);
    snprintf(x.command, sizeof x.command, "exec %s executed", x.self);
    x.arguments[0] = (char*)x.self;
    x.arguments[1] = "executed";
}

static void prepare_sockets(void) {
    x.asked = unix_listener("asked", 5), x.idle = unix_listener("idle", 5), x.full = unix_listener("full", 0);
    must(connect(unix_socket(), unix_named("asked"), UNIX_SIZE) == 0, "a connection");
    must(connect(unix_socket(), unix_named("full"), UNIX_SIZE) == 0, "a connection");
    x.socket = unix_socket();
}

static void prepare_ipc(void) {
    must(shm_open(x.present, O_CREAT | O_RDWR, 0600) >= 0, "shared memory");
    must(sem_open(x.present, O_CREAT, 0600, 1) != SEM_FAILED, "a semaphore");
    // Small: of those that are made without this nine are all that a user may have.
    struct mq_attr small = {.mq_maxmsg = 1, .mq_msgsize = 16};
    x.queue = mq_open(x.present, O_CREAT | O_RDWR, 0600, &small);
    must(x.queue >= 0, "a queue");
    x.shm = shmget(IPC_PRIVATE, 4096, 0600), x.sem = semget(IPC_PRIVATE, 1, 0600),
    x.msg = msgget(IPC_PRIVATE, 0600);
    must(x.shm >= 0 && x.sem >= 0 && x.msg >= 0, "System V objects");
}

static void remove_ipc(void) {
    const char* const names[] = {x.name, x.present};
    for (int i = 0; i < 2; ++i) {
        shm_unlink(names[i]);
        sem_unlink(names[i]);
        mq_unlink(names[i]);
    }
    shmctl(x.shm, IPC_RMID, NULL);
    semctl(x.sem, 0, IPC_RMID);
    msgctl(x.msg, IPC_RMID, NULL);
    shmctl(shmget(x.key, 0, 0), IPC_RMID, NULL);
    semctl(semget(x.key, 0, 0), 0, IPC_RMID);
    msgctl(msgget(x.key, 0), IPC_RMID, NULL);
}

// A child that waits at the gate, with the file locked if asked to.
static pid_t start_sitter(int with_lock) {
    int ready[2];
    must(pipe(ready) == 0, "a pipe");
    pid_t pid = fork();
    must(pid >= 0, "a child");
    if (pid == 0) {
        close(x.gate[1]);
        if (with_lock) must(fcntl(x.writable, F_SETLK, &x.write_lock) == 0, "a lock");
        must(write(ready[1], "", 1) == 1, "a child");
        wait_at_the_gate();
        _exit(3);
    }
    char byte;
    must(read(ready[0], &byte, 1) == 1, "a child");
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void prepare(int needs) {
    prepare_files();
    if (needs & SOCKETS) prepare_sockets();
    if (needs & STREAMS) {
        x.stream = fopen("file", "r"), x.directory = opendir("dir");
        must(x.stream != NULL && x.directory != NULL, "streams");
    }
    if (needs & IPC) prepare_ipc();
    if (needs & THREADS) {
        must(pthread_create(&x.ended, NULL, idle, NULL) == 0, "a thread");
        struct stat tasks;
        while (stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 3)
            usleep(500);
        must(pthread_create(&x.running, NULL, runner, NULL) == 0, "a thread");
    }
    if (needs & (SITTER | LOCKED)) x.child = start_sitter((needs & LOCKED) != 0);
    if (needs & CHILD) {
        x.child = fork();
        if (x.child == 0) _exit(3);
        must(waitid(P_PID, (id_t)x.child, &x.info, WEXITED | WNOWAIT) == 0, "a child");
    }
    if (needs & PIPED) x.piped = popen("exit 3", "r");
    if (needs & PIPED_FIFO) x.piped = popen("read line < fifo", "r");
}

// What ends a call that waits.

static void open_the_gate(void) {
    close(x.gate[1]);
}
static void write_the_fifo(void) {
    close(open("fifo", O_WRONLY));
}
static void read_the_fifo(void) {
    close(open("fifo", O_RDONLY));
}
static void connect_to_it(void) {
    must(connect(unix_socket(), unix_named("idle"), UNIX_SIZE) == 0, "a connection");
}
static void accept_one(void) {
    must(accept(x.full, NULL, NULL) >= 0, "a connection");
}
