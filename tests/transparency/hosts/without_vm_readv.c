// SPDX-License-Identifier: MIT
//
// Forbids process_vm_readv, as a container may, and executes a program.
//
//     without_vm_readv PROGRAM [ARGUMENT…]
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../../victims/victim.h"

int main(int argc, char** argv) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof code / sizeof *code, code};
    if (argc < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 91;
    // Past libc: a process that confines itself by libc is left alone.
    if (unseen_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)&filter) != 0) return 92;
    execv(argv[1], argv + 1);
    return 93;
}
