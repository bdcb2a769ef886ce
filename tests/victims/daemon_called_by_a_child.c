// SPDX-License-Identifier: MIT
//
// daemon() forks inside libc and ends the calling process there: the new process has to be found all the
// same.
//
// expect: error process
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    atomic_int* ready = shared_counter();
    const pid_t child = SHOW_FORK(fork());
    if (child == 0) {
        if (daemon(0, 1) != 0) _exit(1);
        atomic_store(ready, 1);
        linger();
    }
    int status = -1;
    SHOW_PID(waitpid(child, &status, 0));
    say("ended with %d\n", WEXITSTATUS(status));
    wait_until(ready, 1);
    return 0;
}
