// SPDX-License-Identifier: MIT
//
// A host whose vfork children confine themselves, each in the memory of this process, and execute something
// or end. The host itself goes on as before: it makes $TMPDIR/before and $TMPDIR/after, and ends with 7.
//
//     confined_child prctl | syscall
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

enum { STATUS = 7 };

// What nobody but leakshim would ask for at the start of a program; and all that a child needs to execute
// one.
static const int nobodys[] = {SYS_name_to_handle_at, SYS_pidfd_open, SYS_process_vm_readv, SYS_mremap};
static const int needed[] = {SYS_execve, SYS_exit_group};

static struct sock_fprog filter_of(const int* numbers, int count, unsigned answer, unsigned otherwise) {
    static struct sock_filter code[16];
    unsigned short size = 0;
    code[size++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < count; ++i) {
        code[size++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)numbers[i], 0, 1);
        code[size++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer);
    }
    code[size++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, otherwise);
    return (struct sock_fprog){size, code};
}

static int by_syscall;

static void confine(struct sock_fprog* filter) {
    long strict = by_syscall ? SECCOMP_SET_MODE_STRICT : SECCOMP_MODE_STRICT;
    long filtered = by_syscall ? SECCOMP_SET_MODE_FILTER : SECCOMP_MODE_FILTER;
    long mode = filter == NULL ? strict : filtered;
    long result =
        by_syscall ? syscall(SYS_seccomp, mode, 0, filter) : prctl(PR_SET_SECCOMP, mode, filter, 0, 0);
    if (result != 0) _exit(91);
}

static int outcome_of(pid_t pid) {
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) return -1;
    return status;
}

static int execute(struct sock_fprog filter, const char* path, const char* command) {
    char *arguments[] = {"sh", "-c", (char*)command, NULL}, *none[] = {NULL};
    pid_t pid = vfork();
    if (pid == 0) {
        confine(&filter);
        execve(path, arguments, environ);
        execve(path, arguments, none);
        _exit(errno);
    }
    return outcome_of(pid);
}

static int be_strict(void) {
    pid_t pid = vfork();
    if (pid == 0) {
        confine(NULL);
        syscall(SYS_exit, 5);
    }
    return outcome_of(pid);
}

static void make(const char* name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("TMPDIR"), name);
    if (mkdir(path, 0700) != 0) _exit(92);
}

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    by_syscall = strcmp(argv[1], "syscall") == 0;
    make("before");
    // Inherited, and harmless to this process.
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(93);
    struct sock_fprog filter = filter_of(nobodys, 4, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW);
    printf("a program %d\n", execute(filter, "/bin/sh", "test -d / && exit 4"));
    filter = filter_of(needed, 2, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
    printf("none %d\n", execute(filter, "/nothing/of/this/name", ""));
    printf("strict %d\n", be_strict());
    printf("afterwards %d\n", system("exit 3"));
    make("after");
    socket(AF_UNIX, SOCK_STREAM, 0);
    return STATUS;
}
