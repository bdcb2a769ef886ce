// SPDX-License-Identifier: MIT
//
// Detached, by its maker or from the start, is not the same as ended.
//
// expect: warning thread
// expect: warning thread
// status: 0
#include <pthread.h>

#include "victim.h"

static void* work(void* unused) {
    (void)unused;
    linger();
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    pthread_t thread;
    pthread_attr_t attributes;
    SHOW_ERROR(pthread_create(&thread, NULL, work, NULL));
    SHOW_ERROR(pthread_detach(thread));
    SHOW_ERROR(pthread_detach(thread));
    SHOW_ERROR(pthread_join(thread, NULL));
    SHOW_ERROR(pthread_attr_init(&attributes));
    SHOW_ERROR(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED));
    SHOW_ERROR(pthread_create(&thread, &attributes, work, NULL));
    SHOW_ERROR(pthread_attr_destroy(&attributes));
    return 0;
}
