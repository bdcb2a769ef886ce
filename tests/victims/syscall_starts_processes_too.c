// SPDX-License-Identifier: MIT
//
// clone through syscall(): as a fork it leaves a child, which must find its stack and memory as it should.
//
// expect: error process
// status: 0
#include <signal.h>

#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    atomic_int* ready = shared_counter();
    int status = 0;
    const long brief = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (brief == 0) _exit(7);
    SHOW_PID(waitpid((pid_t)brief, &status, 0));
    say("ended with %d\n", WEXITSTATUS(status));
    const long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
        atomic_store(ready, 1);
        linger();
    }
    wait_until(ready, 1);
    say("a child: %s\n", child > 0 ? "yes" : "no");
    return 0;
}
