// SPDX-License-Identifier: MIT
//
// The host of the benchmarks: makes and releases one kind of thing COUNT times, in THREADS threads and
// PROCESSES processes at once, and prints how many nanoseconds one pair took, and how large the ledger is by
// then. An ordinary program that knows nothing of leakshim: what it costs with and without a preload is
// compared from outside, in time and in instructions.
//
//     loops PAIR COUNT [live=N] [waiting=N] [threads=N] [processes=N]
//
// `live`: descriptors that are open all the while; `waiting`: threads that are there all the while and do
// nothing. Directories and files are made in $BENCH_DIR, which must exist.
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "leakshim.h"

static const char* directory;

static void fail(const char* what) {
    perror(what);
    exit(3);
}

static void check(int result, const char* what) {
    if (result < 0) fail(what);
}

static void nothing(long count) {
    for (long i = 0; i < count; ++i)
        __asm__ volatile("");
}

static void dup_close(long count) {
    for (long i = 0; i < count; ++i)
        check(close(dup(0)), "dup");
}

static void open_close(long count) {
    for (long i = 0; i < count; ++i)
        check(close(open("/dev/null", O_RDONLY)), "open");
}

static void socket_close(long count) {
    for (long i = 0; i < count; ++i)
        check(close(socket(AF_INET, SOCK_STREAM, 0)), "socket");
}

/// One connection each: socket, connect, accept, and the two ends closed.
static void accept_close(long count) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    check(bind(listener, (struct sockaddr*)&address, size), "bind");
    check(listen(listener, 64), "listen");
    check(getsockname(listener, (struct sockaddr*)&address, &size), "getsockname");
    struct linger reset = {1, 0};  // no port is left waiting: there are fewer of them than turns
    for (long i = 0; i < count; ++i) {
        int client = socket(AF_INET, SOCK_STREAM, 0);
        check(connect(client, (struct sockaddr*)&address, sizeof address), "connect");
        int server = accept(listener, NULL, NULL);
        check(server, "accept");
        setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(client);
        close(server);
    }
    close(listener);
}

static void mkdtemp_rmdir(long count) {
    char name[512];
    for (long i = 0; i < count; ++i) {
        snprintf(name, sizeof name, "%s/bench-XXXXXX", directory);
        if (mkdtemp(name) == NULL) fail("mkdtemp");
        check(rmdir(name), "rmdir");
    }
}

static void mkstemp_unlink(long count) {
    char name[512];
    for (long i = 0; i < count; ++i) {
        snprintf(name, sizeof name, "%s/bench-XXXXXX", directory);
        int fd = mkstemp(name);
        check(fd, "mkstemp");
        check(unlink(name), "unlink");
        close(fd);
    }
}

/// Marks the place from which a counter of instructions counts.
__attribute__((noinline)) static void before_turns(void) {
    __asm__ volatile("");
}

/// Ends the program without a word to any preload: what is done at an ordinary end depends on what else the
/// machine does, and is no part of a pair.
static void end_at_once(void) {
#if defined(__x86_64__)
    __asm__ volatile("syscall" : : "a"(SYS_exit_group), "D"(0) : "rcx", "r11", "memory");
#else
    register long number __asm__("x8") = SYS_exit_group;
    register long status __asm__("x0") = 0;
    __asm__ volatile("svc 0" : : "r"(number), "r"(status) : "memory");
#endif
}

static void fork_wait(long count) {
    for (long i = 0; i < count; ++i) {
        pid_t pid = fork();
        check(pid, "fork");
        if (pid == 0) _exit(0);
        check(waitpid(pid, NULL, 0), "waitpid");
    }
}

static void* thread_body(void* argument) {
    return argument;
}

static void pthread_join_loop(long count) {
    for (long i = 0; i < count; ++i) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, thread_body, NULL) != 0) fail("pthread_create");
        pthread_join(thread, NULL);
    }
}

/// What a test's listener does around each test. A no-op where leakshim is not loaded.
static void scope(long count) {
    struct leakshim_verdict verdict;
    for (long i = 0; i < count; ++i) {
        leakshim_scope test = leakshim_scope_begin("suite.test");
        if (leakshim_scope_verdict(test, LEAKSHIM_LINGER, &verdict) != 0) fail("leaks");
        leakshim_scope_end(test);
    }
}

/// The same around a test that makes something and releases it.
static void busy_scope(long count) {
    struct leakshim_verdict verdict;
    for (long i = 0; i < count; ++i) {
        leakshim_scope test = leakshim_scope_begin("suite.test");
        socket_close(1);
        mkdtemp_rmdir(1);
        if (leakshim_scope_verdict(test, LEAKSHIM_LINGER, &verdict) != 0) fail("leaks");
        leakshim_scope_end(test);
    }
}

/// Calls `pair` from ten functions deep.
static void (*deep_pair)(long);
__attribute__((noinline)) static void deep(int depth, long count) {
    if (depth > 0)
        deep(depth - 1, count);
    else
        deep_pair(count);
    __asm__ volatile("");  // no tail call
}

static void deep_socket(long count) {
    deep_pair = socket_close;
    deep(10, count);
}

static const struct {
    const char* name;
    void (*run)(long);
} kPairs[] = {{"nothing", nothing},
              {"dup+close", dup_close},
              {"open+close", open_close},
              {"socket+close", socket_close},
              {"accept", accept_close},
              {"mkdtemp+rmdir", mkdtemp_rmdir},
              {"mkstemp+unlink+close", mkstemp_unlink},
              {"fork+exit+wait", fork_wait},
              {"pthread_create+join", pthread_join_loop},
              {"scope", scope},
              {"scope with socket and mkdtemp", busy_scope},
              {"socket+close, ten calls deep", deep_socket}};

static void (*pair)(long);
static long turns;

/// Bytes of the ledger, where there is one.
static long ledger_size(void) {
    const char* path = getenv("LEAKSHIM_SESSION");
    struct stat st;
    return path != NULL && stat(path, &st) == 0 ? (long)st.st_blocks * 512 : 0;
}

static void* run_pair(void* unused) {
    pair(turns);
    return unused;
}

static void run_threads(long threads) {
    pthread_t others[64];
    for (long i = 1; i < threads; ++i) {
        if (pthread_create(&others[i], NULL, run_pair, NULL) != 0) fail("pthread_create");
    }
    run_pair(NULL);
    for (long i = 1; i < threads; ++i)
        pthread_join(others[i], NULL);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void hold_descriptors(long live) {
    rlim_t needed = (rlim_t)live + 100;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) fail("getrlimit");
    if (limit.rlim_cur < needed) {
        limit.rlim_cur = needed;
        if (limit.rlim_max < needed) limit.rlim_max = needed;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) fail("setrlimit");
    }
    for (long i = 0; i < live; ++i)
        check(dup(0), "dup");
}

static pthread_rwlock_t gate = PTHREAD_RWLOCK_INITIALIZER;

static void* wait_at_gate(void* unused) {
    pthread_rwlock_rdlock(&gate);
    pthread_rwlock_unlock(&gate);
    return unused;
}

/// Threads that wait until the gate is opened.
static pthread_t* hold_threads(long waiting) {
    pthread_t* threads = calloc((size_t)waiting + 1, sizeof *threads);
    pthread_attr_t small;
    if (threads == NULL || pthread_attr_init(&small) != 0) fail("no memory");
    pthread_attr_setstacksize(&small, 2 * (size_t)PTHREAD_STACK_MIN);
    pthread_rwlock_wrlock(&gate);
    for (long i = 0; i < waiting; ++i) {
        if (pthread_create(&threads[i], &small, wait_at_gate, NULL) != 0) fail("pthread_create");
    }
    return threads;
}

static void let_go(pthread_t* threads, long waiting) {
    pthread_rwlock_unlock(&gate);
    for (long i = 0; i < waiting; ++i)
        pthread_join(threads[i], NULL);
    free(threads);
}

int main(int count, char** arguments) {
    long live = 0, waiting = 0, threads = 1, processes = 1;
    directory = getenv("BENCH_DIR");
    if (count < 3 || directory == NULL) return 2;
    for (size_t i = 0; i < sizeof kPairs / sizeof *kPairs; ++i) {
        if (strcmp(arguments[1], kPairs[i].name) == 0) pair = kPairs[i].run;
    }
    turns = atol(arguments[2]);
    for (int i = 3; i < count; ++i) {
        sscanf(arguments[i], "live=%ld", &live);
        sscanf(arguments[i], "waiting=%ld", &waiting);
        sscanf(arguments[i], "threads=%ld", &threads);
        sscanf(arguments[i], "processes=%ld", &processes);
    }
    if (pair == NULL || threads < 1 || threads > 64) return 2;
    hold_descriptors(live);
    pthread_t* held = hold_threads(waiting);
    pair(1);  // what is done once is no part of a pair
    before_turns();
    double start = seconds();
    for (long i = 1; i < processes; ++i) {
        pid_t pid = fork();
        check(pid, "fork");
        if (pid == 0) {
            run_threads(threads);
            _exit(0);
        }
    }
    run_threads(threads);
    for (long i = 1; i < processes; ++i)
        check(wait(NULL), "wait");
    if (getenv("BENCH_COUNTS") != NULL) end_at_once();
    double taken = seconds() - start;
    let_go(held, waiting);
    printf("%.2f %ld\n", taken * 1e9 / (double)(turns > 0 ? turns : 1), ledger_size());
    return 0;
}
