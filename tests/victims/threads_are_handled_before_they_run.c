// SPDX-License-Identifier: MIT
//
// Threads that are detached, named or joined before they have come to their first instruction: on one
// processor, where who starts them goes on first.
//
// expect: warning thread name=early
// status: 0
#include <pthread.h>
#include <sched.h>

#include "victim.h"

enum { kThreads = 200 };

static atomic_int named;

static void* work(void* unused) {
    return unused;
}

static void* work_when_named(void* unused) {
    wait_until(&named, 1);
    return unused;
}

static void wait_until_alone(void) {
    struct stat tasks;
    while (stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 3)
        usleep(500);
}

static void stay_on_one_processor(void) {
    cpu_set_t one;
    const int here = sched_getcpu();
    CPU_ZERO(&one);
    CPU_SET(here < 0 ? 0 : (unsigned)here, &one);
    sched_setaffinity(0, sizeof one, &one);
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    stay_on_one_processor();
    pthread_t thread;
    int failures = 0;
    for (int i = 0; i < kThreads; ++i) {
        failures += pthread_create(&thread, NULL, work, NULL) != 0;
        failures += pthread_detach(thread) != 0;
    }
    for (int i = 0; i < kThreads; ++i) {
        failures += pthread_create(&thread, NULL, work, NULL) != 0;
        pthread_setname_np(thread, "joined");  // which it is too late for where it is over already
        failures += pthread_join(thread, NULL) != 0;
    }
    failures += pthread_create(&thread, NULL, work_when_named, NULL) != 0;
    failures += pthread_setname_np(thread, "early") != 0;
    atomic_store(&named, 1);
    say("failures %d\n", failures);
    wait_until_alone();
    return 0;
}
