// SPDX-License-Identifier: MIT
//
// What is renamed over is gone; an exchange swaps two names, and both stay.
//
// expect: error temp_file path={tmp}/target
// expect: error temp_file path={tmp}/left
// expect: error temp_dir path={tmp}/right
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(close(SHOW(creat(in_tmp("source"), 0600))));
    SHOW(close(SHOW(creat(in_tmp("target"), 0600))));
    SHOW(rename(in_tmp("source"), in_tmp("target")));
    SHOW(mkdir(in_tmp("left"), 0700));
    SHOW(close(SHOW(creat(in_tmp("right"), 0600))));
    SHOW(renameat2(AT_FDCWD, in_tmp("left"), AT_FDCWD, in_tmp("right"), RENAME_EXCHANGE));
    SHOW(renameat2(AT_FDCWD, in_tmp("left"), AT_FDCWD, in_tmp("absent"), RENAME_EXCHANGE));
    SHOW(renameat2(AT_FDCWD, in_tmp("left"), AT_FDCWD, in_tmp("right"), 0x7000));
    return 0;
}
