// SPDX-License-Identifier: MIT
//
// O_CREAT on something that is there creates nothing. Each call that could have made the file finds it
// instead.
//
// before: file {tmp}/theirs
// expect: nothing
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(close(SHOW(open(in_tmp("theirs"), O_RDONLY | O_CREAT, 0600))));
    SHOW(close(SHOW(open64(in_tmp("theirs"), O_RDWR | O_CREAT, 0600))));
    SHOW(close(SHOW(openat(AT_FDCWD, in_tmp("theirs"), O_WRONLY | O_CREAT, 0600))));
    SHOW(open(in_tmp("theirs"), O_RDWR | O_CREAT | O_EXCL, 0600));
    FILE* stream = SHOW_POINTER(fopen(in_tmp("theirs"), "a"));
    SHOW(fclose(stream));
    SHOW(mkdir(in_tmp("theirs"), 0700));
    SHOW(mkfifo(in_tmp("theirs"), 0600));
    SHOW(symlink("elsewhere", in_tmp("theirs")));
    return 0;
}
