// SPDX-License-Identifier: MIT
//
// What persists belongs to the session, not to the process that made it: the child is gone, its objects are
// not; what the child made and the parent removed is no leak.
//
// expect: error posix_shm named=/leak-{tag}
// expect: error sysv_msg key=leak
// status: 0
#include <sys/ipc.h>
#include <sys/msg.h>

#include "victim.h"

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    const pid_t child = fork();
    if (child == 0) {
        SHOW(close(SHOW(shm_open(ipc_name("leak", tag), O_RDWR | O_CREAT, 0600))));
        SHOW(close(SHOW(shm_open(ipc_name("brief", tag), O_RDWR | O_CREAT, 0600))));
        SHOW_ID(msgget(ipc_key("leak", tag), IPC_CREAT | 0600));
        SHOW_ID(msgget(ipc_key("brief", tag), IPC_CREAT | 0600));
        _exit(0);
    }
    SHOW_PID(waitpid(child, NULL, 0));
    SHOW(shm_unlink(ipc_name("brief", tag)));
    SHOW(msgctl(SHOW_ID(msgget(ipc_key("brief", tag), 0600)), IPC_RMID, NULL));
    return 0;
}
