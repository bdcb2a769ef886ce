// SPDX-License-Identifier: MIT
//
// Names of libc that headers no longer give, or never gave, and that programs built long ago still import:
// they do what the present names do. Two of them are libc's own business by now and are found by dlsym alone.
//
// expect: error fifo path={tmp}/old-fifo
// expect: error fifo path={tmp}/old-fifo-at
// status: 0
#include <dlfcn.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>

#include "victim.h"

#pragma GCC diagnostic ignored "-Wredundant-decls"
extern int __xmknod(int version, const char* path, mode_t mode, dev_t* device);
extern int __xmknodat(int version, int directory, const char* path, mode_t mode, dev_t* device);
extern pid_t __vfork(void);
extern int __clone(int (*start)(void*), void* stack, int flags, void* argument, ...);
extern mqd_t __mq_open_2(const char* name, int flags);
extern pid_t __waitpid(pid_t pid, int* status, int options);
extern int __connect(int fd, const struct sockaddr* address, socklen_t length);
static int end_with_5(void* argument) {
    (void)argument;
    _exit(5);
}

static void wait_for_child(pid_t pid) {
    int status = 0;
    SHOW_PID(__waitpid(pid, &status, 0));
    say("ended with %d\n", WEXITSTATUS(status));
}

static void start_processes(void) {
    static char stack[65536] __attribute__((aligned(16)));
    const pid_t child = __vfork();
    if (child == 0) _exit(4);
    wait_for_child(child);
    wait_for_child(SHOW_PID(__clone(end_with_5, stack + sizeof stack, SIGCHLD, NULL)));
    SHOW(__clone(NULL, NULL, 0, NULL));
    pid_t (*old_fork)(void) = NULL;
    int (*old_system)(const char*) = NULL;
    *(void**)&old_fork = dlsym(RTLD_DEFAULT, "__libc_fork");
    *(void**)&old_system = dlsym(RTLD_DEFAULT, "__libc_system");
    const pid_t other = old_fork();
    if (other == 0) _exit(6);
    wait_for_child(other);
    SHOW(old_system("exit 7"));
    SHOW(old_system(NULL));
    SHOW_PID(__waitpid(-1, NULL, 0));
}

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    dev_t none = 0;
    SHOW(__xmknod(0, in_tmp("old-fifo"), S_IFIFO | 0600, &none));
    SHOW(__xmknod(0, in_tmp("old-fifo"), S_IFIFO | 0600, &none));
    SHOW(__xmknod(9, in_tmp("old-fifo"), S_IFIFO | 0600, &none));
    SHOW(__xmknodat(0, AT_FDCWD, in_tmp("old-fifo-at"), S_IFIFO | 0600, &none));
    SHOW(__xmknodat(0, -1, "old-fifo", S_IFIFO | 0600, &none));
    SHOW(mkfifo(in_tmp("old-fifo"), 0600));

    SHOW(__mq_open_2(ipc_name("absent", tag), O_RDWR));
    const mqd_t made = SHOW(mq_open(ipc_name("brief", tag), O_CREAT | O_RDWR, 0600, SMALL_QUEUE));
    SHOW(mq_close(SHOW(__mq_open_2(ipc_name("brief", tag), O_RDWR))));
    SHOW(mq_close(made));
    SHOW(mq_close(-1));
    SHOW(mq_unlink(ipc_name("brief", tag)));

    struct sockaddr_un address = unix_address("here");
    const int listener = SHOW(socket(AF_UNIX, SOCK_STREAM, 0)),
              client = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(bind(listener, (struct sockaddr*)&address, sizeof address));
    SHOW(listen(listener, 1));
    SHOW(__connect(client, (struct sockaddr*)&address, sizeof address));
    SHOW(close(client));
    SHOW(close(listener));
    SHOW(unlink("here"));
    start_processes();
    return 0;
}
