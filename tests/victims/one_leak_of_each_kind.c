// SPDX-License-Identifier: MIT
//
// Something of everything, for hosts that are out of the ordinary: it is also built with each sanitizer of
// each compiler, and run beside other preloads (tests/transparency/test_hosts.py).
//
// expect: error temp_dir path={tmp}/dir
// expect: error temp_file path={tmp}/file
// expect: error fifo path={tmp}/fifo
// expect: error link path={tmp}/link
// expect: error unix_socket path={tmp}/socket
// expect: error posix_shm named=/leak-{tag}
// expect: error named_semaphore named=/leak-{tag}
// expect: error message_queue named=/leak-{tag}
// expect: error sysv_shm key=leak
// expect: error sysv_sem key=leak
// expect: error sysv_msg key=leak
// expect: error process
// expect: error listening_port
// expect: warning thread
// expect: warning file
// expect: warning pipe
// expect: warning pipe
// expect: warning socket
// expect: warning eventfd
// expect: warning timerfd
// expect: warning signalfd
// expect: warning epoll
// expect: warning inotify
// expect: warning memfd
// expect: warning pidfd
// expect: warning other_fd
// status: 0
#include <mqueue.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "victim.h"

// Not in every header.
int pidfd_open(pid_t pid, unsigned flags);

static void leave_a_child_with_a_port(void) {
    atomic_int* ready = shared_counter();
    if (SHOW_FORK(fork()) == 0) {
        const struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        const int server = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(server, (const struct sockaddr*)&address, sizeof address) != 0 || listen(server, 4) != 0)
            _exit(1);
        atomic_store(ready, 1);
        linger();
    }
    wait_until(ready, 1);
}

static void leave_names(void) {
    SHOW(mkdir(in_tmp("dir"), 0700));
    SHOW(close(SHOW(open(in_tmp("file"), O_CREAT | O_RDWR, 0600))));
    SHOW(mkfifo(in_tmp("fifo"), 0600));
    SHOW(symlink("file", in_tmp("link")));
    const struct sockaddr_un address = unix_address(in_tmp("socket"));
    const int server = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(bind(server, (const struct sockaddr*)&address, sizeof address));
    SHOW(close(server));
}

static void leave_ipc(const char* tag) {
    SHOW(close(SHOW(shm_open(ipc_name("leak", tag), O_CREAT | O_RDWR, 0600))));
    SHOW(sem_close((sem_t*)SHOW_POINTER(sem_open(ipc_name("leak", tag), O_CREAT, 0600, 1))));
    SHOW(mq_close(SHOW(mq_open(ipc_name("leak", tag), O_CREAT | O_RDWR, 0600, SMALL_QUEUE))));
    SHOW_ID(shmget(ipc_key("leak", tag), 4096, IPC_CREAT | 0600));
    SHOW_ID(semget(ipc_key("leak", tag), 1, IPC_CREAT | 0600));
    SHOW_ID(msgget(ipc_key("leak", tag), IPC_CREAT | 0600));
}

static void leave_descriptors(void) {
    int ends[2];
    sigset_t mask;
    sigemptyset(&mask);
    SHOW(open("/dev/null", O_RDONLY));
    SHOW(pipe(ends));
    SHOW(socket(AF_INET, SOCK_DGRAM, 0));
    SHOW(eventfd(0, 0));
    SHOW(timerfd_create(CLOCK_MONOTONIC, 0));
    SHOW(signalfd(-1, &mask, 0));
    SHOW(epoll_create1(0));
    SHOW(inotify_init1(0));
    SHOW(memfd_create("leak", 0));
    SHOW(pidfd_open(getpid(), 0));
    SHOW(posix_openpt(O_RDWR | O_NOCTTY));
}

static void* work(void* running) {
    atomic_store((atomic_int*)running, 1);
    linger();
}

static void leave_a_thread(void) {
    atomic_int* running = shared_counter();
    pthread_t thread;
    SHOW_ERROR(pthread_create(&thread, NULL, work, running));
    SHOW_ERROR(pthread_detach(thread));
    wait_until(running, 1);
}

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    leave_a_child_with_a_port();
    leave_names();
    leave_ipc(tag);
    leave_descriptors();
    leave_a_thread();
    return 0;
}
