// SPDX-License-Identifier: MIT
//
// What is renamed over is gone; an exchange swaps two names, and both stay. So do two names of one file, and
// one that becomes itself.
//
// expect: error temp_file path={tmp}/target
// expect: error temp_file path={tmp}/left
// expect: error temp_dir path={tmp}/right
// expect: error temp_file path={tmp}/one
// expect: error link|temp_file path={tmp}/two
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
    SHOW(close(SHOW(creat(in_tmp("one"), 0600))));
    SHOW(link(in_tmp("one"), in_tmp("two")));
    SHOW(rename(in_tmp("one"), in_tmp("two")));
    SHOW(rename(in_tmp("one"), in_tmp("one")));
    return 0;
}
