// SPDX-License-Identifier: MIT
//
// IPC_RMID ends them, with a key and without one, also while the memory is still attached.
//
// expect: nothing
// status: 0
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "victim.h"

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    const int keys[] = {IPC_PRIVATE, ipc_key("brief", tag)};
    for (int i = 0; i < 2; ++i) {
        struct shmid_ds about;
        const int memory = SHOW_ID(shmget(keys[i], 4096, IPC_CREAT | 0600));
        void* at = SHOW_POINTER(shmat(memory, NULL, 0));
        SHOW(shmctl(memory, IPC_STAT, &about));
        SHOW(shmctl(memory, IPC_RMID, NULL));
        SHOW(shmdt(at));
        SHOW(shmctl(memory, IPC_RMID, NULL));
        const int semaphores = SHOW_ID(semget(keys[i], 1, IPC_CREAT | 0600));
        SHOW(semctl(semaphores, 0, SETVAL, 3));
        SHOW(semctl(semaphores, 0, GETVAL));
        SHOW(semctl(semaphores, 0, IPC_RMID));
        SHOW(semctl(semaphores, 0, IPC_RMID));
        const int queue = SHOW_ID(msgget(keys[i], IPC_CREAT | 0600));
        SHOW(msgctl(queue, IPC_RMID, NULL));
        SHOW(msgctl(queue, IPC_RMID, NULL));
    }
    SHOW(shmctl(-1, IPC_RMID, NULL));
    SHOW(semctl(-1, 0, IPC_RMID));
    SHOW(msgctl(-1, IPC_RMID, NULL));
    return 0;
}
