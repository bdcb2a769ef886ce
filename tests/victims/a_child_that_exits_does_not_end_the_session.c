// SPDX-License-Identifier: MIT
//
// Forked copies end in every way there is, with the exit handlers that they inherited; the session goes on,
// and what they left counts at its end.
//
// expect: error temp_dir path={tmp}/child-0
// expect: error temp_dir path={tmp}/child-1
// expect: error temp_dir path={tmp}/child-2
// expect: error temp_dir path={tmp}/child-3
// expect: error temp_dir path={tmp}/child-4
// expect: error temp_dir path={tmp}/root
// status: 0
#include <signal.h>

#include "victim.h"

static void at_the_end(void) {
    say("exit handler\n");
}

static void leave(int how) {
    char name[32];
    snprintf(name, sizeof name, "child-%d", how);
    SHOW(mkdir(in_tmp(name), 0700));
    if (how == 0) exit(10);
    if (how == 1) _exit(11);
    if (how == 2) quick_exit(12);
    if (how == 3) abort();
    raise(SIGKILL);
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    atexit(at_the_end);
    for (int how = 0; how < 5; ++how) {
        const pid_t child = fork();
        if (child == 0) leave(how);
        int status = 0;
        SHOW_PID(waitpid(child, &status, 0));
        say("status %x\n", status & 0xff7f);
    }
    SHOW(mkdir(in_tmp("root"), 0700));
    return 0;
}
