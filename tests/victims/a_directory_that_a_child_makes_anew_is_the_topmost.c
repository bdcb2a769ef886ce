// SPDX-License-Identifier: MIT
//
// A directory that was not the run's when something was made in it is the run's since a child made it anew:
// what is made in it afterwards belongs to it, whatever was known of it before.
//
// expect: error temp_dir path={tmp}/tree
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    say("unseen %ld\n", unseen_call(SYS_mkdirat, AT_FDCWD, (long)in_tmp("tree"), 0700));
    SHOW(mkdir(in_tmp("tree/first"), 0700));
    SHOW(rmdir(in_tmp("tree/first")));
    const pid_t child = fork();
    if (child == 0) {
        SHOW(rmdir(in_tmp("tree")));
        SHOW(mkdir(in_tmp("tree"), 0700));
        _exit(0);
    }
    int status = -1;
    SHOW_PID(waitpid(child, &status, 0));
    SHOW(mkdir(in_tmp("tree/second"), 0700));
    SHOW(mkdir(in_tmp("tree/third"), 0700));
    return 0;
}
