// SPDX-License-Identifier: MIT
//
// Objects of others, opened with O_CREAT: found, not made.
//
// before: posix_shm theirs
// before: named_semaphore theirs
// before: message_queue theirs
// expect: nothing
// status: 0
#include <mqueue.h>
#include <semaphore.h>

#include "victim.h"

int main(int argc, char** argv) {
    const char* name = ipc_name("theirs", tag_of(argc, argv));
    SHOW(close(SHOW(shm_open(name, O_RDWR | O_CREAT, 0600))));
    SHOW(shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
    sem_t* semaphore = SHOW_POINTER(sem_open(name, O_CREAT, 0600, 1));
    SHOW(sem_close(semaphore));
    SHOW_POINTER(sem_open(name, O_CREAT | O_EXCL, 0600, 1));
    const mqd_t queue = SHOW(mq_open(name, O_RDWR | O_CREAT, 0600, SMALL_QUEUE));
    SHOW(mq_close(queue));
    SHOW(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, SMALL_QUEUE));
    return 0;
}
