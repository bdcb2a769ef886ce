// SPDX-License-Identifier: MIT
//
// thrd_create and its kind, which call pthread_create inside libc: one is joined, one detached and ended, one
// runs on.
//
// expect: warning thread
// status: 0
#include <pthread.h>
#include <threads.h>

#include "victim.h"

static int back(void* value) {
    return *(const int*)value;
}
static int forever(void* unused) {
    (void)unused;
    linger();
}

static void wait_until_alone(void) {
    struct stat tasks;
    do
        usleep(500);
    while (stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 3);
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    thrd_t thread;
    int nine = 9;
    int result = 0;
    SHOW(thrd_create(&thread, back, &nine));
    SHOW(thrd_join(thread, &result));
    say("result %d\n", result);
    SHOW(thrd_create(&thread, back, &nine));
    SHOW(thrd_detach(thread));
    wait_until_alone();
    SHOW(thrd_create(&thread, forever, NULL));
    return 0;
}
