// SPDX-License-Identifier: MIT
//
// Removed by a raw system call, which no preload sees: at the end it is not there, so it is no leak.
//
// expect: note temp_dir path={tmp}/gone
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    const char* path = in_tmp("gone");
    SHOW(mkdir(path, 0700));
    SHOW(unseen_call(SYS_unlinkat, AT_FDCWD, (long)path, AT_REMOVEDIR));
    return 0;
}
