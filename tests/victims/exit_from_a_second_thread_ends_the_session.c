// SPDX-License-Identifier: MIT
//
// exit() on another thread than the first, while main waits for that thread: the handlers run there, and the
// session ends there, once.
//
// expect: error temp_dir path={tmp}/leak-??????
// may: warning thread
// status: 6
#include <pthread.h>

#include "victim.h"

static atomic_int started;

static void at_the_end(void) {
    say("exit handler\n");
}

static void* work(void* unused) {
    (void)unused;
    wait_until(&started, 1);
    SHOW_POINTER(mkdtemp(in_tmp("leak-XXXXXX")));
    exit(6);
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    pthread_t thread;
    atexit(at_the_end);
    SHOW_ERROR(pthread_create(&thread, NULL, work, NULL));
    atomic_store(&started, 1);
    pthread_join(thread, NULL);
    return 1;
}
