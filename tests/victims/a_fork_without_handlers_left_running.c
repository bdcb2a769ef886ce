// SPDX-License-Identifier: MIT
//
// _Fork runs no atfork handler: the child has to be known by other means.
//
// expect: error process
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    atomic_int* ready = shared_counter();
    const pid_t brief = SHOW_FORK(_Fork());
    if (brief == 0) _exit(2);
    int status = 0;
    SHOW_PID(waitpid(brief, &status, 0));
    say("ended with %d\n", WEXITSTATUS(status));
    if (SHOW_FORK(_Fork()) == 0) {
        atomic_store(ready, 1);
        linger();
    }
    wait_until(ready, 1);
    return 0;
}
