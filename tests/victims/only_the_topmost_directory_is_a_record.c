// SPDX-License-Identifier: MIT
//
// What lies inside a directory that the run made belongs to it: one record for the whole tree, closed parts
// included.
//
// expect: error temp_dir path={tmp}/tree
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(mkdir(in_tmp("tree"), 0700));
    SHOW(mkdir(in_tmp("tree/below"), 0700));
    SHOW(mkdir(in_tmp("tree/below/deeper"), 0700));
    SHOW(close(SHOW(open(in_tmp("tree/below/file"), O_WRONLY | O_CREAT, 0600))));
    SHOW(mkfifo(in_tmp("tree/below/deeper/fifo"), 0600));
    SHOW(symlink("nowhere", in_tmp("tree/link")));
    SHOW_POINTER(mkdtemp(in_tmp("tree/below/more-XXXXXX")));
    SHOW(chmod(in_tmp("tree/below/deeper"), 0));
    SHOW(chmod(in_tmp("tree/below"), 0));
    return 0;
}
