// SPDX-License-Identifier: MIT
//
// unlink, unlinkat, rmdir and remove, for files and for directories, and the ways in which they fail.
//
// expect: nothing
// status: 0
#include "victim.h"

static void make_both(void) {
    SHOW(close(SHOW(creat(in_tmp("file"), 0600))));
    SHOW(mkdir(in_tmp("directory"), 0700));
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    make_both();
    SHOW(unlink(in_tmp("directory")));
    SHOW(rmdir(in_tmp("file")));
    SHOW(unlink(in_tmp("file")));
    SHOW(rmdir(in_tmp("directory")));
    make_both();
    SHOW(unlinkat(AT_FDCWD, in_tmp("file"), AT_REMOVEDIR));
    SHOW(unlinkat(AT_FDCWD, in_tmp("file"), 0));
    SHOW(unlinkat(AT_FDCWD, in_tmp("directory"), 0x1));
    SHOW(unlinkat(AT_FDCWD, in_tmp("directory"), AT_REMOVEDIR));
    make_both();
    SHOW(close(SHOW(creat(in_tmp("directory/inside"), 0600))));
    SHOW(remove(in_tmp("directory")));
    SHOW(rmdir(in_tmp("directory")));
    SHOW(remove(in_tmp("directory/inside")));
    SHOW(remove(in_tmp("directory")));
    SHOW(remove(in_tmp("file")));
    SHOW(remove(in_tmp("file")));
    SHOW(unlink(in_tmp("file")));
    SHOW(rmdir(in_tmp("directory")));
    return 0;
}
