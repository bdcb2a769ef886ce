// SPDX-License-Identifier: MIT
//
// mkdir finds a directory that others made. What the run makes inside is its own, what was in there before is
// not.
//
// before: dir {tmp}/theirs
// before: file {tmp}/theirs/precious
// expect: error temp_file path={tmp}/theirs/ours
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(mkdir(in_tmp("theirs"), 0700));
    SHOW(close(SHOW(open(in_tmp("theirs/ours"), O_WRONLY | O_CREAT, 0600))));
    SHOW(close(SHOW(open(in_tmp("theirs/precious"), O_WRONLY | O_CREAT, 0600))));
    SHOW(rmdir(in_tmp("theirs")));
    return 0;
}
