// SPDX-License-Identifier: MIT
//
// A crowd: many threads, processes, descriptors and signals at once. Prints what it still holds at its end,
// so that a ledger can be compared with it.
//
//     crowd ACT NUMBER
//
// The output is one line, `holds SOCKETS sockets, failures FAILURES`, the same in every run; status 0.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kWorkers = 6 };
static atomic_int stop, failures;
static pthread_barrier_t all_there;

static void must(int good) {
    if (!good) atomic_fetch_add(&failures, 1);
}

static int new_socket(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    must(fd >= 0);
    return fd;
}

static void wait_for(pid_t pid, int wanted) {
    int status = -1;
    pid_t got;
    do
        got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    must(got == pid && WIFEXITED(status) && WEXITSTATUS(status) == wanted);
}

static void start_all(pthread_t* threads, int count, void* (*start)(void*), void* argument) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 128 * 1024);
    for (int i = 0; i < count; ++i)
        must(pthread_create(&threads[i], &attributes, start, argument) == 0);
    pthread_attr_destroy(&attributes);
}

static void join_all(const pthread_t* threads, int count) {
    for (int i = 0; i < count; ++i)
        must(pthread_join(threads[i], NULL) == 0);
}

// Opens and closes sockets until it is told to stop, and keeps the last.
static void* open_sockets(void* unused) {
    int fd = new_socket();
    while (!atomic_load(&stop)) {
        close(fd);
        fd = new_socket();
    }
    return unused;
}

static long fork_while_threads_open_sockets(long times) {
    pthread_t threads[kWorkers];
    // TSan makes room for its book of descriptors at the first of them, under a lock that nobody would give
    // back in a child which was forked meanwhile: it waits for ever, with us or without.
    must(close(new_socket()) == 0);
    start_all(threads, kWorkers, open_sockets, NULL);
    for (long i = 0; i < times; ++i) {
        pid_t pid = fork();
        if (pid == 0) {
            int mine = new_socket();
            if (i % 2 == 0) close(mine);
            _exit(atomic_load(&failures) == 0 ? 5 : 6);
        }
        wait_for(pid, 5);
    }
    atomic_store(&stop, 1);
    join_all(threads, kWorkers);
    return kWorkers;
}

static pid_t vfork_and_exec(const char* path, char* const* arguments, char* const* environment) {
    pid_t pid = vfork();
    if (pid != 0) return pid;
    close(0);
    execve(path, arguments, environment);
    _exit(3);
}

static void* start_programs(void* times) {
    char* const arguments[] = {"sh", "-c", "exit 3", NULL};
    char* const nothing[] = {NULL};
    for (long i = 0; i < *(long*)times; ++i) {
        pid_t pid = vfork_and_exec(i % 2 == 0 ? "/bin/sh" : "/nothing/of/this/name", arguments, nothing);
        wait_for(pid, 3);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 7, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, 7, 0);
        posix_spawn_file_actions_addclose(&actions, 7);
        must(posix_spawn(&pid, "/bin/sh", &actions, NULL, arguments, nothing) == 0);
        posix_spawn_file_actions_destroy(&actions);
        wait_for(pid, 3);
    }
    return NULL;
}

static long vfork_and_spawn_in_threads(long times) {
    pthread_t threads[kWorkers];
    start_all(threads, kWorkers, start_programs, &times);
    join_all(threads, kWorkers);
    return 0;
}

// Raises the limit of descriptors as far as it goes; says how many may be opened for sure.
static long room_for(long count) {
    struct rlimit limit;
    must(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    must(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    return limit.rlim_max < (rlim_t)count + 100 ? (long)limit.rlim_max - 100 : count;
}

static long hold_many_descriptors(long count) {
    count = room_for(count);
    int first = new_socket(), last = first;
    for (long i = 1; i < count; ++i)
        must((last = dup(first)) >= 0);
    must(close_range((unsigned)first, (unsigned)first + (unsigned)count / 2 - 1, 0) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        must(close_range(3, ~0U, 0) == 0);
        new_socket();
        _exit(atomic_load(&failures) == 0 ? 5 : 6);
    }
    wait_for(pid, 5);
    return last - first + 1 - count / 2;
}

static void* meet(void* unused) {
    new_socket();
    pthread_barrier_wait(&all_there);
    return unused;
}

static long start_many_threads(long count) {
    count = room_for(count);
    pthread_barrier_init(&all_there, NULL, (unsigned)count);
    pthread_t* threads = calloc((size_t)count, sizeof *threads);
    if (threads == NULL) return -1;
    start_all(threads, (int)count, meet, NULL);
    join_all(threads, (int)count);
    free(threads);
    return count;
}

static long start_many_processes(long count) {
    for (long i = 0; i < count; i += 20) {
        pid_t pids[20];
        for (int n = 0; n < 20; ++n) {
            pids[n] = fork();
            if (pids[n] == 0) _exit(close(new_socket()) == 0 ? 5 : 6);
        }
        for (int n = 0; n < 20; ++n)
            wait_for(pids[n], 5);
    }
    return 0;
}

// A name for each call, so that a handler that interrupts another never meets the same one.
static void make_and_remove(int signal) {
    static atomic_int number;
    int before = errno;
    char name[64];
    const char* root = getenv("TMPDIR");
    snprintf(name, sizeof name, "%.40s/%d", root != NULL ? root : ".", atomic_fetch_add(&number, 1));
    must(signal == SIGALRM && mkdir(name, 0700) == 0 && rmdir(name) == 0);
    close(new_socket());
    errno = before;
}

static void* return_at_once(void* argument) {
    return argument;
}

static long work_in_a_storm_of_signals(long times) {
    struct sigaction action = {.sa_handler = make_and_remove, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 4000}, {0, 4000}}, never = {{0, 0}, {0, 0}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (long i = 0; i < times; ++i) {
        pthread_t thread;
        must(pthread_create(&thread, NULL, return_at_once, NULL) == 0 && pthread_join(thread, NULL) == 0);
        void* library = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
        must(library != NULL && dlclose(library) == 0);
        pid_t pid = fork();
        if (pid == 0) _exit(close(new_socket()) == 0 ? 5 : 6);
        wait_for(pid, 5);
        close(new_socket());
    }
    setitimer(ITIMER_REAL, &never, NULL);
    return 0;
}

int main(int argc, char** argv) {
    static const struct {
        const char* name;
        long (*act)(long);
    } acts[] = {
        {"fork_while_threads_open_sockets", fork_while_threads_open_sockets},
        {"vfork_and_spawn_in_threads", vfork_and_spawn_in_threads},
        {"hold_many_descriptors", hold_many_descriptors},
        {"start_many_threads", start_many_threads},
        {"start_many_processes", start_many_processes},
        {"work_in_a_storm_of_signals", work_in_a_storm_of_signals},
    };
    for (size_t i = 0; argc == 3 && i < sizeof acts / sizeof *acts; ++i) {
        if (strcmp(argv[1], acts[i].name) != 0) continue;
        long held = acts[i].act(atol(argv[2]));
        printf("holds %ld sockets, failures %d\n", held, atomic_load(&failures));
        return 0;
    }
    fprintf(stderr, "usage: %s ACT NUMBER\n", argv[0]);
    return 2;
}
