// SPDX-License-Identifier: MIT
//
// A child behind a terminal of its own. The master is open until the end, so that no hangup ends the child;
// that the child ignores SIGHUP keeps it alive after the root.
//
// expect: error process
// expect: warning file|other_fd
// status: 0
#include <pty.h>
#include <signal.h>

#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    atomic_int* ready = shared_counter();
    int master = -1;
    signal(SIGHUP, SIG_IGN);
    const pid_t child = forkpty(&master, NULL, NULL, NULL);
    if (child == 0) {
        atomic_store(ready, 1);
        linger();
    }
    wait_until(ready, 1);
    say("master %d\n", master);
    return 0;
}
