// SPDX-License-Identifier: MIT
//
// Fifos, and what else mknod makes without privileges: a plain file.
//
// expect: error fifo path={tmp}/one
// expect: error fifo path={tmp}/two
// expect: error fifo path={tmp}/three
// expect: error fifo path={tmp}/four
// expect: error temp_file path={tmp}/five
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(mkfifo(in_tmp("one"), 0600));
    SHOW(mkfifoat(AT_FDCWD, in_tmp("two"), 0600));
    SHOW(mknod(in_tmp("three"), S_IFIFO | 0600, 0));
    SHOW(mknodat(AT_FDCWD, in_tmp("four"), S_IFIFO | 0600, 0));
    SHOW(mknod(in_tmp("five"), S_IFREG | 0600, 0));
    SHOW(mkfifo(in_tmp("one"), 0600));
    SHOW(mkfifoat(-1, "nowhere", 0600));
    SHOW(mknod(in_tmp("absent/six"), S_IFIFO | 0600, 0));
    SHOW(mknodat(AT_FDCWD, in_tmp("seven"), S_IFDIR | 0600, 0));
    return 0;
}
