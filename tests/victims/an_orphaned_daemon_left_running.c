// SPDX-License-Identifier: MIT
//
// The double fork of every daemon: the process in between is gone, the daemon has a session and a parent of
// its own.
//
// expect: error process
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    atomic_int* ready = shared_counter();
    const pid_t between = SHOW_FORK(fork());
    if (between == 0) {
        setsid();
        if (fork() == 0) {
            if (chdir("/") != 0) _exit(1);
            atomic_store(ready, 1);
            linger();
        }
        _exit(3);
    }
    int status = 0;
    SHOW_PID(waitpid(between, &status, 0));
    say("ended with %d\n", WEXITSTATUS(status));
    wait_until(ready, 1);
    SHOW_PID(waitpid(-1, &status, WNOHANG));
    return 0;
}
