// SPDX-License-Identifier: MIT
//
// IPC_CREAT on a key that is in use makes nothing: it finds what others use.
//
// before: sysv_shm theirs
// before: sysv_sem theirs
// before: sysv_msg theirs
// expect: nothing
// status: 0
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "victim.h"

int main(int argc, char** argv) {
    const int key = ipc_key("theirs", tag_of(argc, argv));
    SHOW_ID(shmget(key, 4096, IPC_CREAT | 0600));
    SHOW_ID(semget(key, 1, IPC_CREAT | 0600));
    SHOW_ID(msgget(key, IPC_CREAT | 0600));
    SHOW_ID(msgget(key, IPC_CREAT | IPC_EXCL | 0600));
    return 0;
}
