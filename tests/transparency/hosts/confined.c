// SPDX-License-Identifier: MIT
//
// A host that confines itself, as browsers and servers do: from then on a system call that it did not think
// of is its death. Makes $TMPDIR/before and $TMPDIR/after, some calls of each family, and ends with 7.
//
//     confined prctl | seccomp | strict | programs
//
// `programs` forbids only what nobody but leakshim would ask for at the start of a program, and starts some.
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <spawn.h>
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

static const int wanted[] = {SYS_write, SYS_close,  SYS_exit_group, SYS_exit,  SYS_socket,
                             SYS_mkdir, SYS_unlink, SYS_openat,     SYS_dup,   SYS_munmap,
                             SYS_brk,   SYS_mmap,   SYS_newfstatat, SYS_rename};
static const int nobodys[] = {SYS_name_to_handle_at, SYS_pidfd_open, SYS_process_vm_readv, SYS_mremap};

static void say(const char* what) {
    if (write(STDOUT_FILENO, what, strlen(what)) < 0) _exit(90);
}

static struct sock_fprog filter_of(const int* numbers, int count, unsigned answer, unsigned otherwise) {
    static struct sock_filter code[64];
    unsigned short size = 0;
    code[size++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < count; ++i) {
        code[size++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)numbers[i], 0, 1);
        code[size++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer);
    }
    code[size++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, otherwise);
    return (struct sock_fprog){size, code};
}

static long confine(const char* how) {
    struct sock_fprog filter =
        filter_of(wanted, sizeof wanted / sizeof *wanted, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
    if (strcmp(how, "programs") == 0)
        filter =
            filter_of(nobodys, sizeof nobodys / sizeof *nobodys, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(91);
    if (strcmp(how, "seccomp") == 0) return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
    if (strcmp(how, "strict") == 0) return prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0);
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}

static void work(const char* after) {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), copy = dup(fd);
    if (fd < 0 || copy < 0 || close(fd) != 0 || close(copy) != 0) say("a descriptor failed\n");
    int file = open(after, O_CREAT | O_RDWR, 0600);
    if (file < 0 || close(file) != 0 || rename(after, after) != 0 || unlink(after) != 0)
        say("a file failed\n");
    if (mkdir(after, 0700) != 0) say("mkdir failed\n");
}

static void start_programs(void) {
    char *arguments[] = {"sh", "-c", "test -d / && exit 4", NULL}, *none[] = {NULL};
    pid_t pid;
    int status = system("exit 3") >> 8;
    if (posix_spawn(&pid, "/bin/sh", NULL, NULL, arguments, environ) != 0) _exit(92);
    int spawned = waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : -1;
    if (posix_spawn(&pid, "/bin/sh", NULL, NULL, arguments, none) != 0) _exit(92);
    int bare = waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : -1;
    pid = fork();
    if (pid == 0) _exit(execvp("sh", arguments));
    int forked = waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : -1;
    printf("system %d, spawned %d, %d, executed %d\n", system("exit 3") >> 8, spawned, bare, forked);
    fflush(stdout);
}

int main(int argc, char** argv) {
    char before[4096], after[4096];
    if (argc != 2) return 2;
    snprintf(before, sizeof before, "%s/before", getenv("TMPDIR"));
    snprintf(after, sizeof after, "%s/after", getenv("TMPDIR"));
    if (mkdir(before, 0700) != 0 || confine(argv[1]) != 0) _exit(93);
    say("confined\n");
    if (strcmp(argv[1], "strict") == 0) syscall(SYS_exit, STATUS);
    work(after);
    if (strcmp(argv[1], "programs") == 0) start_programs();
    say("done\n");
    exit(STATUS);
}
