// SPDX-License-Identifier: MIT
//
// Detached threads that end elsewhere than at the end of their function: cancelled, by thrd_exit, by
// pthread_exit.
//
// expect: nothing
// status: 0
#include <pthread.h>
#include <threads.h>

#include "victim.h"

static void* forever(void* value) {
    for (;;)
        pause();
    return value;
}
static void* by_pthread_exit(void* value) {
    pthread_exit(value);
}
static int by_thrd_exit(void* value) {
    (void)value;
    thrd_exit(3);
}
static void* by_thrd_exit_too(void* value) {
    (void)by_thrd_exit(value);
    return NULL;
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
    void* (*const ways[])(void*) = {forever, by_pthread_exit, by_thrd_exit_too};
    for (int i = 0; i < 3; ++i) {
        SHOW_ERROR(pthread_create(&thread, NULL, ways[i], NULL));
        SHOW_ERROR(pthread_detach(thread));
        if (i == 0) SHOW_ERROR(pthread_cancel(thread));
    }
    SHOW_ERROR(thrd_create(&thread, by_thrd_exit, NULL));
    SHOW_ERROR(thrd_detach(thread));
    wait_until_alone();
    return 0;
}
