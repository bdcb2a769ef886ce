// SPDX-License-Identifier: MIT
//
// A detached thread frees the memory that pthread_create was to store its number in: the call may not be back
// by then.
//
// expect: nothing
// status: 0
#include <pthread.h>
#include <threads.h>

#include "victim.h"

enum { kThreads = 3000, kRoom = 4096 };
static atomic_int over;

static void* free_it(void* number) {
    munmap(number, kRoom);
    atomic_fetch_add(&over, 1);
    return NULL;
}
static int free_it_too(void* number) {
    thrd_detach(thrd_current());
    free_it(number);
    return 0;
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    pthread_attr_t attributes;
    SHOW_ERROR(pthread_attr_init(&attributes));
    SHOW_ERROR(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED));
    SHOW_ERROR(pthread_attr_setstacksize(&attributes, 65536));
    int failures = 0;
    for (int i = 0; i < kThreads; ++i) {
        // Read twice: the compiler must not know that number and argument lie in one place.
        void* volatile number = mmap(NULL, kRoom, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (i % 2 == 0)
            failures += pthread_create(number, &attributes, free_it, number) != 0;
        else
            failures += thrd_create(number, free_it_too, number) != thrd_success;
        if (i % 50 == 49) wait_until(&over, i + 1 - failures);
    }
    say("failures %d\n", failures);
    SHOW_ERROR(pthread_attr_destroy(&attributes));
    // The last ones are not over yet, but for what they count.
    struct stat tasks;
    while (stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 3)
        usleep(500);
    return 0;
}
