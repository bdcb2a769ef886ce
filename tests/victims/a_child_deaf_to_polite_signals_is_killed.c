// SPDX-License-Identifier: MIT
//
// SIGINT, SIGTERM and SIGHUP are ignored; only the last rung of the ladder is left.
//
// expect: error process
// status: 0
#include <signal.h>

#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    atomic_int* ready = shared_counter();
    if (SHOW_FORK(fork()) == 0) {
        signal(SIGINT, SIG_IGN);
        signal(SIGTERM, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        setsid();
        atomic_store(ready, 1);
        linger();
    }
    wait_until(ready, 1);
    return 0;
}
