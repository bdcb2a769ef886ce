// SPDX-License-Identifier: MIT
//
// A child of root that becomes somebody else may no longer write into root's ledger; all that it does works
// as ever, and its parent's records are as they were. Who is not root can't change, and shows that.
//
// expect: error temp_dir path={tmp}/root-??????
// expect: warning socket
// degraded: left_ledger
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    const uid_t nobody = 65534;
    SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW_POINTER(mkdtemp(in_tmp("root-XXXXXX")));
    const pid_t child = fork();
    if (child == 0) {
        SHOW(setresuid(nobody, nobody, nobody));
        SHOW(close(SHOW(socket(AF_UNIX, SOCK_DGRAM, 0))));
        SHOW(system("exit 5"));
        const pid_t grandchild = fork();
        if (grandchild == 0) _exit(6);
        SHOW_PID(waitpid(grandchild, NULL, 0));
        exit(7);
    }
    int status = 0;
    SHOW_PID(waitpid(child, &status, 0));
    say("ended with %d\n", WEXITSTATUS(status));
    return 0;
}
