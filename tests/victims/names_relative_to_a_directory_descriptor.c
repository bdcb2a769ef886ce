// SPDX-License-Identifier: MIT
//
// Every *at call with a descriptor of a directory, which has meanwhile been renamed: the descriptor is what
// counts.
//
// expect: error temp_dir path={tmp}/renamed
// expect: error fifo path={tmp}/fifo
// expect: error link path={tmp}/link
// expect: error temp_file path={tmp}/file
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    const int root = SHOW(open(in_tmp("."), O_PATH | O_DIRECTORY));
    SHOW(mkdirat(root, "directory", 0700));
    const int below = SHOW(openat(root, "directory", O_RDONLY | O_DIRECTORY));
    SHOW(renameat(root, "directory", root, "renamed"));
    SHOW(mkdirat(below, "inside", 0700));
    SHOW(unlinkat(below, "inside", AT_REMOVEDIR));
    SHOW(mkfifoat(below, "../fifo", 0600));
    SHOW(symlinkat("target", root, "link"));
    SHOW(close(SHOW(openat(below, "../file", O_WRONLY | O_CREAT, 0600))));
    SHOW(close(SHOW(openat(root, "brief", O_WRONLY | O_CREAT, 0600))));
    SHOW(renameat(root, "brief", below, "../other"));
    SHOW(unlinkat(root, "other", 0));
    SHOW(close(below));
    SHOW(close(root));
    return 0;
}
