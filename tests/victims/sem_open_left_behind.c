// SPDX-License-Identifier: MIT
//
// A named semaphore; sem_close lets go of it and leaves the name.
//
// expect: error named_semaphore named=/leak-{tag}
// status: 0
#include <semaphore.h>

#include "victim.h"

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    sem_t* semaphore = SHOW_POINTER(sem_open(ipc_name("leak", tag), O_CREAT | O_EXCL, 0600, 1));
    SHOW(sem_wait(semaphore));
    SHOW(sem_close(semaphore));
    SHOW_POINTER(sem_open(ipc_name("leak", tag), O_CREAT | O_EXCL, 0600, 1));
    SHOW_POINTER(sem_open(ipc_name("absent", tag), 0));
    SHOW_POINTER(sem_open("/no/such", O_CREAT, 0600, 1));
    semaphore = SHOW_POINTER(sem_open(ipc_name("brief", tag), O_CREAT, 0600, 1));
    SHOW(sem_unlink(ipc_name("brief", tag)));
    SHOW(sem_unlink(ipc_name("brief", tag)));
    SHOW(sem_close(semaphore));
    return 0;
}
