// SPDX-License-Identifier: MIT
//
// All members of the wait family, each with a child of its own and each once with nobody to wait for. The
// statuses are those of the children: the shim adds no child that a wait could see.
//
// expect: nothing
// status: 0
#include <sys/resource.h>

#include "victim.h"

static pid_t child_ending_with(int status) {
    const pid_t child = fork();
    if (child == 0) _exit(status);
    return child;
}

static void show_status(int status) {
    say("ended with %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    int status = 0;
    struct rusage usage;
    siginfo_t info = {0};
    child_ending_with(11);
    SHOW_PID(wait(&status));
    show_status(status);
    SHOW_PID(waitpid(child_ending_with(12), &status, 0));
    show_status(status);
    child_ending_with(13);
    SHOW_PID(wait3(&status, 0, &usage));
    show_status(status);
    SHOW_PID(wait4(child_ending_with(14), &status, 0, NULL));
    show_status(status);
    SHOW(waitid(P_PID, (id_t)child_ending_with(15), &info, WEXITED | WNOWAIT));
    SHOW(waitid(P_PID, (id_t)info.si_pid, &info, WEXITED));
    say("ended with %d\n", info.si_status);

    SHOW_PID(wait(&status));
    SHOW_PID(waitpid(-1, &status, WNOHANG));
    SHOW_PID(waitpid(-1, &status, 0x7fff));
    SHOW_PID(wait3(&status, WNOHANG, NULL));
    SHOW_PID(wait4(1, &status, 0, NULL));
    SHOW(waitid(P_ALL, 0, &info, WEXITED));
    SHOW(waitid(P_ALL, 0, &info, 0));
    return 0;
}
