// SPDX-License-Identifier: MIT
//
// The parent ends, its child goes on.
//
// expect: error process
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    atomic_int* ready = shared_counter();
    if (SHOW_FORK(fork()) == 0) {
        atomic_store(ready, 1);
        linger();
    }
    wait_until(ready, 1);
    return 0;
}
