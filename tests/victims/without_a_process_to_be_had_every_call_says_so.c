// SPDX-License-Identifier: MIT
//
// Every call that makes a process or a thread, refused by a filter as a container would: each says EAGAIN, or
// what libc makes of it, and nothing is recorded.
//
// expect: nothing
// status: 0
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <threads.h>

#include "victim.h"

#pragma GCC diagnostic ignored "-Wredundant-decls"
extern pid_t __fork(void);
extern pid_t __vfork(void);
extern FILE* _IO_popen(const char* command, const char* mode);

static int refuse_new_ones(void) {
#define REFUSE(number) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN)
    struct sock_filter lines[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        REFUSE(SYS_clone),
        REFUSE(SYS_clone3),
#ifdef SYS_fork
        REFUSE(SYS_fork),
        REFUSE(SYS_vfork),
#endif
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof lines / sizeof *lines, lines};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    // Past libc: leakshim leaves a process alone that it sees confine itself.
    return (int)unseen_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)&program);
}

static int never(void* argument) {
    say("a child runs, %d\n", argument != NULL);
    return 0;
}

static void* never_either(void* argument) {
    never(argument);
    return NULL;
}

int main(int argc, char** argv) {
    static char stack[65536] __attribute__((aligned(16)));
    tag_of(argc, argv);
    SHOW(close(-1));
    if (refuse_new_ones() != 0) {
        say("no filter can be had here\n");
        return 0;
    }
    SHOW_FORK(fork());
    SHOW_FORK(_Fork());
    SHOW_FORK(__fork());
    SHOW(vfork());
    SHOW(__vfork());
    SHOW(clone(never, stack + sizeof stack, SIGCHLD, NULL));
    SHOW(system("true"));
    SHOW_POINTER(popen("true", "r"));
    SHOW_POINTER(_IO_popen("true", "w"));
    SHOW(forkpty(&(int){0}, NULL, NULL, NULL));
    SHOW(daemon(1, 1));
    char* const arguments[] = {"true", NULL};
    pid_t pid = -7;
    SHOW_ERROR(posix_spawn(&pid, "/bin/true", NULL, NULL, arguments, environ));
    SHOW_ERROR(posix_spawnp(&pid, "true", NULL, NULL, arguments, environ));
    say("pid %d\n", (int)pid);
    pthread_t thread;
    SHOW_ERROR(pthread_create(&thread, NULL, never_either, NULL));
    thrd_t other;
    SHOW(thrd_create(&other, never, NULL));
    SHOW_PID(waitpid(-1, NULL, 0));
    return 0;
}
