// SPDX-License-Identifier: MIT
//
// join, tryjoin, timedjoin and clockjoin, a thread that ends by pthread_exit, one that is cancelled, and a
// detached one that has ended.
//
// expect: nothing
// status: 0
#include <pthread.h>
#include <time.h>

#include "victim.h"

static void* back(void* value) {
    return value;
}
static void* by_exit(void* value) {
    pthread_exit(value);
}
static void* forever(void* value) {
    for (;;)
        pause();
    return value;
}

static struct timespec in_an_hour(clockid_t clock) {
    struct timespec when;
    clock_gettime(clock, &when);
    when.tv_sec += 3600;
    return when;
}

static void wait_until_alone(void) {
    struct stat tasks;
    do
        usleep(500);
    while (stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 3);
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    pthread_t thread;
    void* result = NULL;
    SHOW_ERROR(pthread_create(&thread, NULL, by_exit, &result));
    SHOW_ERROR(pthread_join(thread, &result));
    say("result %s\n", result == (void*)&result ? "kept" : "lost");

    SHOW_ERROR(pthread_create(&thread, NULL, forever, NULL));
    SHOW_ERROR(pthread_tryjoin_np(thread, &result));
    struct timespec past = {0};
    SHOW_ERROR(pthread_timedjoin_np(thread, &result, &past));
    SHOW_ERROR(pthread_clockjoin_np(thread, &result, CLOCK_MONOTONIC, &past));
    SHOW_ERROR(pthread_cancel(thread));
    const struct timespec later = in_an_hour(CLOCK_REALTIME);
    SHOW_ERROR(pthread_timedjoin_np(thread, &result, &later));
    say("result %s\n", result == PTHREAD_CANCELED ? "cancelled" : "other");

    SHOW_ERROR(pthread_create(&thread, NULL, back, NULL));
    const struct timespec even_later = in_an_hour(CLOCK_MONOTONIC);
    SHOW_ERROR(pthread_clockjoin_np(thread, &result, CLOCK_MONOTONIC, &even_later));
    SHOW_ERROR(pthread_create(&thread, NULL, back, NULL));
    while (pthread_tryjoin_np(thread, &result) != 0)
        usleep(500);
    SHOW_ERROR(pthread_create(&thread, NULL, back, NULL));
    SHOW_ERROR(pthread_detach(thread));
    wait_until_alone();
    return 0;
}
