// SPDX-License-Identifier: MIT
//
// Links inside a leaked tree lead out of it: to a directory and to files that are not the run's. The tree
// goes, they stay, with the mode and the contents they had.
//
// before: file {cwd}/precious
// before: dir {cwd}/home
// before: file {cwd}/home/inside
// expect: error temp_dir path={tmp}/tree
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    char* directory = realpath("home", NULL);
    SHOW(mkdir(in_tmp("tree"), 0700));
    SHOW(mkdir(in_tmp("tree/below"), 0700));
    SHOW(symlink(directory, in_tmp("tree/soft")));
    SHOW(symlink("..", in_tmp("tree/below/up")));
    SHOW(link("precious", in_tmp("tree/below/hard")));
    SHOW(chmod(in_tmp("tree/below"), 0));
    free(directory);
    return 0;
}
