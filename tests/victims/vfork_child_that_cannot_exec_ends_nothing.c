// SPDX-License-Identifier: MIT
//
// A vfork child whose exec fails calls _exit in its parent's memory. That is neither the end of the session
// nor a change in it: what the parent makes afterwards is still recorded, and memory was shared as vfork
// promises.
//
// expect: error temp_dir path={tmp}/after-??????
// expect: warning socket
// status: 0
#include "victim.h"

static volatile int shared_memory;

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    for (int round = 0; round < 3; ++round) {
        const pid_t child = vfork();
        if (child == 0) {
            shared_memory = 42 + round;
            execl("/absent/program", "program", NULL);
            _exit(127);
        }
        int status = 0;
        SHOW_PID(waitpid(child, &status, 0));
        say("ended with %d, memory holds %d\n", WEXITSTATUS(status), shared_memory);
    }
    SHOW_POINTER(mkdtemp(in_tmp("after-XXXXXX")));
    return 0;
}
