// SPDX-License-Identifier: MIT
//
// Two tests as libtest of Rust runs them: each in a thread of its own that names itself after its test, and
// leaves the directory $TMPDIR/NAME; the first also starts a thread with a name of its own that leaves
// $TMPDIR/inner.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static void leave(const char* name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("TMPDIR"), name);
    mkdir(path, 0700);
}

static void* inner(void* nothing) {
    pthread_setname_np(pthread_self(), "pool-worker");
    leave("inner");
    return nothing;
}

static void* test(void* name) {
    pthread_t helper;
    pthread_setname_np(pthread_self(), name);
    leave(name);
    if (((char*)name)[7] != 'a') return NULL;
    pthread_create(&helper, NULL, inner, NULL);
    pthread_join(helper, NULL);
    return NULL;
}

int main(void) {
    pthread_t one, two;
    pthread_create(&one, NULL, test, "tests::a");
    pthread_create(&two, NULL, test, "tests::b");
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    return 0;
}
