// SPDX-License-Identifier: MIT
//
// Three generations, of which the middle one is gone: all that still run are the run's.
//
// expect: error process
// expect: error process
// expect: error process
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    atomic_int* ready = shared_counter();
    if (SHOW_FORK(fork()) == 0) {
        if (fork() == 0) {
            for (int i = 0; i < 2; ++i) {
                if (fork() == 0) {
                    setpgid(0, 0);
                    atomic_fetch_add(ready, 1);
                    linger();
                }
            }
            _exit(0);
        }
        if (wait(NULL) < 0) _exit(1);
        atomic_fetch_add(ready, 1);
        linger();
    }
    wait_until(ready, 3);
    return 0;
}
