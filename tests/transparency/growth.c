// SPDX-License-Identifier: MIT
//
// What a program does all day, without keeping anything: its ledger must not grow by it.
//
//     growth keys      threads whose destructors of thread-specific data open and close something
//     growth exits     threads that do so in a cleanup handler, on their way out of pthread_exit
//     growth timers    timers that run a function in a thread of libc's own
//     growth vforks    vfork children that open something
//
// A socket stays open, so that the ledger is kept. Prints how much went wrong; status 0.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kThreads = 600, kTicks = 300, kVforks = 3000 };
static atomic_int failures, ticks;
static pthread_key_t key;

static void must(int good) {
    if (!good) atomic_fetch_add(&failures, 1);
}

static void open_and_close(void* unused) {
    (void)unused;
    must(close(open("/dev/null", O_RDONLY)) == 0);
}

static void* set_key(void* value) {
    must(pthread_setspecific(key, &key) == 0);
    return value;
}

static void* leave_early(void* value) {
    pthread_cleanup_push(open_and_close, NULL);
    pthread_exit(value);
    pthread_cleanup_pop(0);
}

static void start_and_join(void* (*work)(void*)) {
    must(pthread_key_create(&key, open_and_close) == 0);
    for (int i = 0; i < kThreads; ++i) {
        pthread_t thread;
        must(pthread_create(&thread, NULL, work, NULL) == 0 && pthread_join(thread, NULL) == 0);
    }
}

static void tick(union sigval value) {
    open_and_close(value.sival_ptr);
    atomic_fetch_add(&ticks, 1);
}

static void run_timers(void) {
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = tick};
    const struct itimerspec often = {{0, 1000000}, {0, 1000000}};
    timer_t timer;
    must(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &often, NULL) == 0);
    while (atomic_load(&ticks) < kTicks)
        usleep(1000);
    must(timer_delete(timer) == 0);
}

static void run_vforks(void) {
    for (int i = 0; i < kVforks; ++i) {
        pid_t child = vfork();
        if (child == 0) _exit(open("/dev/null", O_RDONLY) < 0);
        int status = -1;
        must(waitpid(child, &status, 0) == child && status == 0);
    }
}

int main(int argc, char** argv) {
    const char* act = argc == 2 ? argv[1] : "";
    must(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
    if (strcmp(act, "keys") == 0) start_and_join(set_key);
    if (strcmp(act, "exits") == 0) start_and_join(leave_early);
    if (strcmp(act, "timers") == 0) run_timers();
    if (strcmp(act, "vforks") == 0) run_vforks();
    printf("failures %d\n", atomic_load(&failures));
    return 0;
}
