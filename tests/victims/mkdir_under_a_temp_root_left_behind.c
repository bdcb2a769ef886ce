// SPDX-License-Identifier: MIT
//
// Most tools make their temporary directory with plain mkdir: the place says that it is temporary.
//
// expect: error temp_dir path={tmp}/plain
// expect: error temp_dir path={tmp}/at
// expect: error temp_dir path={tmp}/at-fd
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(mkdir(in_tmp("plain"), 0700));
    SHOW(mkdirat(AT_FDCWD, in_tmp("at"), 0700));
    const int root = SHOW(open(in_tmp("."), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    SHOW(mkdirat(root, "at-fd", 0755));
    SHOW(mkdirat(root, "at-fd", 0755));
    SHOW(close(root));
    SHOW(mkdirat(-1, "nowhere", 0755));
    SHOW(mkdir(in_tmp("plain"), 0700));
    SHOW(mkdir(in_tmp("absent/below"), 0700));
    SHOW(mkdir("", 0700));
    return 0;
}
