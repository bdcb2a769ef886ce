// SPDX-License-Identifier: MIT
//
// Shared memory, semaphores and queues of System V have no owner that could end; one each is left, with a
// key.
//
// expect: error sysv_shm key=leak
// expect: error sysv_sem key=leak
// expect: error sysv_msg key=leak
// status: 0
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "victim.h"

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    const int leak = ipc_key("leak", tag);
    const int absent = ipc_key("absent", tag);
    SHOW_ID(shmget(leak, 4096, IPC_CREAT | IPC_EXCL | 0600));
    SHOW_ID(semget(leak, 2, IPC_CREAT | 0600));
    SHOW_ID(msgget(leak, IPC_CREAT | 0600));
    SHOW_ID(shmget(leak, 4096, IPC_CREAT | IPC_EXCL | 0600));
    SHOW_ID(semget(leak, 2, IPC_CREAT | IPC_EXCL | 0600));
    SHOW_ID(msgget(leak, IPC_CREAT | IPC_EXCL | 0600));
    SHOW_ID(shmget(leak, 4096, IPC_CREAT | 0600));
    SHOW_ID(shmget(leak, 1 << 20, 0));
    SHOW_ID(shmget(absent, 4096, 0600));
    SHOW_ID(semget(absent, 2, 0600));
    SHOW_ID(semget(absent, -1, IPC_CREAT | 0600));
    SHOW_ID(msgget(absent, 0600));
    return 0;
}
