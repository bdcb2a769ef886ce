// SPDX-License-Identifier: MIT
//
// clone() with a stack and a function, as containers' tools use it; refused calls start nothing.
//
// expect: error process
// status: 0
#include <sched.h>
#include <signal.h>

#include "victim.h"

static int go_on(void* ready) {
    atomic_store((atomic_int*)ready, 1);
    linger();
}

static int end(void* status) {
    return *(const int*)status;
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    static char stacks[2][65536] __attribute__((aligned(16)));
    atomic_int* ready = shared_counter();
    int seven = 7;
    int status = 0;
    SHOW_PID(clone(go_on, stacks[0] + sizeof stacks[0], SIGCHLD, ready));
    wait_until(ready, 1);
    const pid_t child = SHOW_PID(clone(end, stacks[1] + sizeof stacks[1], SIGCHLD, &seven));
    SHOW_PID(waitpid(child, &status, 0));
    say("ended with %d\n", WEXITSTATUS(status));
    SHOW_PID(clone(end, NULL, SIGCHLD, &seven));
    SHOW_PID(clone(end, stacks[1] + sizeof stacks[1], CLONE_SIGHAND | SIGCHLD, &seven));
    return 0;
}
