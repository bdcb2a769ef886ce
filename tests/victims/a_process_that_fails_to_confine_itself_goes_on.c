// SPDX-License-Identifier: MIT
//
// prctl does what it ever did, and a filter that the kernel refuses ends no recording: the directory made
// after it is known.
//
// expect: error temp_dir path={tmp}/after
// status: 0
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    char name[16] = "";
    SHOW(prctl(PR_SET_NAME, "a name", 0, 0, 0));
    SHOW(prctl(PR_GET_NAME, name, 0, 0, 0));
    say("%s\n", name);
    SHOW(prctl(PR_SET_PDEATHSIG, -1, 0, 0, 0));
    SHOW(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0);
    SHOW(prctl(PR_SET_SECCOMP, 77, NULL, 0, 0));
    SHOW(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0));
    SHOW(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL));
    SHOW(syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0));
    SHOW(syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0));
    SHOW(mkdir(in_tmp("after"), 0700));
    return 0;
}
