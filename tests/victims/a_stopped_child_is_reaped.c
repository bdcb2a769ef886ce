// SPDX-License-Identifier: MIT
//
// A stopped process takes no signal until it is continued.
//
// expect: error process
// status: 0
#include <signal.h>

#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    const pid_t child = SHOW_FORK(fork());
    if (child == 0) {
        raise(SIGSTOP);
        linger();
    }
    int status = 0;
    SHOW_PID(waitpid(child, &status, WUNTRACED));
    say("stopped: %s\n", WIFSTOPPED(status) ? "yes" : "no");
    return 0;
}
