// SPDX-License-Identifier: MIT
//
// Our directory is removed and another one made under its name, both unseen: what lies there now is not what
// the run made, even where inode and birth time are the same. It has to stay.
//
// expect: note temp_dir path={tmp}/name
// stays: {tmp}/name
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    const char* path = in_tmp("name");
    SHOW(mkdir(path, 0700));
    SHOW(unseen_call(SYS_unlinkat, AT_FDCWD, (long)path, AT_REMOVEDIR));
    SHOW(unseen_call(SYS_mkdirat, AT_FDCWD, (long)path, 0700));
    return 0;
}
