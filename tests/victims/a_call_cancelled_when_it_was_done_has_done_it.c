// SPDX-License-Identifier: MIT
//
// Threads whose cancellation comes when the kernel has done what was asked, and the call has not come back:
// the descriptor is closed, and the file is there. A filter hands these very calls to a signal handler, which
// does them and cancels the thread in the middle of libc's call.
//
// expect: error temp_file path={tmp}/done.??????
// status: 0
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <ucontext.h>

#include "victim.h"

enum { NUMBER = 61 };  // of the descriptor that is closed

static int flags;  // of mkstemp's open

static void* close_it(void* unused) {
    SHOW(close(NUMBER));
    return unused;
}

static char* made;

static void* make_a_temporary_file(void* unused) {
    SHOW(mkstemp(made));
    return unused;
}

static void cancel_when_done(int signal, siginfo_t* info, void* context) {
    (void)signal, (void)context;
    if (info->si_syscall == SYS_close)
        unseen_call(SYS_close_range, NUMBER, NUMBER, 0);
    else
        unseen_call(SYS_mknodat, AT_FDCWD, (long)made, S_IFREG | 0600);
    pthread_cancel(pthread_self());
}

static void hand_over(unsigned number, unsigned argument, unsigned value) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 8 * argument),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof code / sizeof *code, code};
    // Past libc: of a process that confines itself by libc nothing is recorded.
    if (unseen_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)&filter) != 0) say("no filter\n");
}

static void try(void* (*what)(void*)) {
    pthread_t thread;
    void* result = NULL;
    SHOW_ERROR(pthread_create(&thread, NULL, what, NULL));
    SHOW_ERROR(pthread_join(thread, &result));
    say("cancelled %d\n", result == PTHREAD_CANCELED);
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    struct sigaction action = {.sa_sigaction = cancel_when_done, .sa_flags = SA_SIGINFO};
    sigaction(SIGSYS, &action, NULL);
    made = in_tmp("done.XXXXXX");
    flags = O_RDWR | O_CREAT | O_EXCL;
    int first = socket(AF_UNIX, SOCK_STREAM, 0);
    SHOW(dup2(first, NUMBER));
    close(first);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    hand_over(SYS_close, 0, NUMBER);
    hand_over(SYS_openat, 2, (unsigned)flags);
    try(close_it);
    SHOW(fcntl(NUMBER, F_GETFD));
    try(make_a_temporary_file);
    SHOW(access(made, F_OK));
    return 0;
}
