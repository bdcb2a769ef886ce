// SPDX-License-Identifier: MIT
//
// The main thread ends first; the process ends with status 0 when the last thread does, and with it the
// session. What that thread made in the meantime counts.
//
// expect: error temp_dir path={tmp}/first-??????
// expect: error temp_dir path={tmp}/late-??????
// may: warning thread
// status: 0
// not in a constructor: main's thread can end itself only below main
#include <pthread.h>

#include "victim.h"

static void* work(void* main_thread) {
    SHOW_ERROR(pthread_join(*(pthread_t*)main_thread, NULL));
    SHOW_POINTER(mkdtemp(in_tmp("late-XXXXXX")));
    return NULL;
}

int main(int argc, char** argv) {
    static pthread_t main_thread;
    tag_of(argc, argv);
    pthread_t thread;
    main_thread = pthread_self();
    SHOW_POINTER(mkdtemp(in_tmp("first-XXXXXX")));
    SHOW_ERROR(pthread_create(&thread, NULL, work, &main_thread));
    SHOW_ERROR(pthread_detach(thread));
    pthread_exit(NULL);
}
