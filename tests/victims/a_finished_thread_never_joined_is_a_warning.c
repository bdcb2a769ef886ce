// SPDX-License-Identifier: MIT
//
// A thread that has ended and was never joined keeps its stack until the process ends.
//
// expect: warning thread
// status: 0
#include <pthread.h>

#include "victim.h"

static void* work(void* unused) {
    return unused;
}

// Returns once the main thread is the only one that the kernel still knows.
static void wait_until_alone(void) {
    struct stat tasks;
    do
        usleep(500);
    while (stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 3);
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    pthread_t thread;
    SHOW_ERROR(pthread_create(&thread, NULL, work, NULL));
    wait_until_alone();
    return 0;
}
