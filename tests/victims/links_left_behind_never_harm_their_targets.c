// SPDX-License-Identifier: MIT
//
// Names of other things: removing them must leave what they name as it is, contents, mode and all. A hard
// link is the very inode of somebody's precious file.
//
// before: file {cwd}/precious
// before: dir {cwd}/home
// before: file {cwd}/home/inside
// expect: error link path={tmp}/soft
// expect: error link path={tmp}/soft-at
// expect: error link|temp_file path={tmp}/hard
// expect: error link|temp_file path={tmp}/hard-at
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    char* directory = realpath("home", NULL);
    SHOW(symlink(directory, in_tmp("soft")));
    SHOW(symlinkat(directory, AT_FDCWD, in_tmp("soft-at")));
    SHOW(link("precious", in_tmp("hard")));
    SHOW(linkat(AT_FDCWD, "precious", AT_FDCWD, in_tmp("hard-at"), 0));
    SHOW(symlink("x", in_tmp("soft")));
    SHOW(symlinkat("x", AT_FDCWD, in_tmp("absent/soft")));
    SHOW(link("absent", in_tmp("none")));
    SHOW(linkat(AT_FDCWD, "precious", AT_FDCWD, in_tmp("hard"), 0));
    free(directory);
    return 0;
}
