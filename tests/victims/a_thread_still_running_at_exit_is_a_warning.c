// SPDX-License-Identifier: MIT
//
// A thread can't outlive its process: a warning, with its name. A thread that could not be made is none.
//
// expect: warning thread name=worker
// status: 0
#include <pthread.h>

#include "victim.h"

static atomic_int runs;

static void* work(void* unused) {
    (void)unused;
    atomic_store(&runs, 1);
    linger();
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    pthread_t thread;
    pthread_attr_t attributes;
    SHOW_ERROR(pthread_create(&thread, NULL, work, NULL));
    SHOW_ERROR(pthread_setname_np(thread, "worker"));
    SHOW_ERROR(pthread_setname_np(thread, "a name of more than fifteen bytes"));
    SHOW_ERROR(pthread_attr_init(&attributes));
    SHOW_ERROR(pthread_attr_setstacksize(&attributes, (size_t)1 << 50));
    SHOW_ERROR(pthread_create(&thread, &attributes, work, NULL));
    SHOW_ERROR(pthread_attr_destroy(&attributes));
    wait_until(&runs, 1);  // of a thread that has not run yet nobody knows which one was named
    return 0;
}
