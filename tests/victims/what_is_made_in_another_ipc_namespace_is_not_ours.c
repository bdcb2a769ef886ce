// SPDX-License-Identifier: MIT
//
// A child in an IPC name space of its own makes a semaphore, a segment and queues that have the very numbers
// and keys of somebody else's in ours, and a queue of that name. They go with their name space; the others
// stay, also a semaphore that was set since. Who may not make a name space shows that.
//
// before: sysv_shm theirs
// before: sysv_sem theirs
// before: sysv_msg theirs
// before: message_queue theirs
// expect: nothing
// status: 0
#include <mqueue.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "victim.h"

// Says which number the next object of that kind gets in the caller's name space. Where the kernel can't be
// told, it gets a number that nobody has.
static void number_next(const char* kind, int id) {
    char path[64], number[16];
    snprintf(path, sizeof path, "/proc/sys/kernel/%s_next_id", kind);
    const int length = snprintf(number, sizeof number, "%d", id);
    const int fd = (int)unseen_call(SYS_openat, AT_FDCWD, (long)path, O_WRONLY);
    unseen_call(SYS_write, fd, (long)number, length);
    unseen_call(SYS_close, fd, 0, 0);
}

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    const int key = ipc_key("theirs", tag);
    const int shm = SHOW_ID(shmget(key, 4096, 0600));
    const int sem = SHOW_ID(semget(key, 1, 0600));
    const int msg = SHOW_ID(msgget(key, 0600));
    const pid_t child = fork();
    if (child == 0) {
        if (SHOW(unshare(CLONE_NEWIPC)) != 0) _exit(0);
        number_next("shm", shm), number_next("sem", sem), number_next("msg", msg);
        SHOW_ID(shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0600));
        SHOW_ID(semget(key, 1, IPC_CREAT | IPC_EXCL | 0600));
        SHOW_ID(msgget(key, IPC_CREAT | IPC_EXCL | 0600));
        SHOW(mq_close(SHOW(mq_open(ipc_name("theirs", tag), O_RDWR | O_CREAT | O_EXCL, 0600, SMALL_QUEUE))));
        SHOW_ID(msgctl(SHOW_ID(msgget(IPC_PRIVATE, 0600)), IPC_RMID, NULL));
        _exit(0);
    }
    int status = 0;
    SHOW_PID(waitpid(child, &status, 0));
    // That changes its time, to one behind that of its namesake.
    SHOW(semctl(sem, 0, SETVAL, 1));
    return status;
}
