// SPDX-License-Identifier: MIT
//
// Eight threads fork, open and close at the same time; every child ends, nothing hangs and nothing is left.
//
// expect: nothing
// status: 0
#include <pthread.h>

#include "victim.h"

static void* work(void* unused) {
    (void)unused;
    for (int round = 0; round < 20; ++round) {
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const pid_t child = fork();
        if (child == 0) {
            close(fd);
            _exit(0);
        }
        int status = -1;
        if (waitpid(child, &status, 0) != child || status != 0) return (void*)1;
        close(fd);
    }
    return NULL;
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    pthread_t threads[8];
    for (int i = 0; i < 8; ++i)
        SHOW_ERROR(pthread_create(&threads[i], NULL, work, NULL));
    for (int i = 0; i < 8; ++i) {
        void* result = (void*)1;
        SHOW_ERROR(pthread_join(threads[i], &result));
        say("result %s\n", result == NULL ? "fine" : "wrong");
    }
    return 0;
}
