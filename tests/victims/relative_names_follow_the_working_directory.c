// SPDX-License-Identifier: MIT
//
// chdir and fchdir change what a name means; the record holds the place itself.
//
// expect: error temp_dir path={tmp}/first
// expect: error temp_dir path={tmp}/second
// expect: error temp_file path={tmp}/third
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    const int home = SHOW(open(".", O_RDONLY | O_DIRECTORY));
    SHOW(chdir(in_tmp(".")));
    SHOW(mkdir("first", 0700));
    SHOW(chdir("first"));
    SHOW(mkdir("../second", 0700));
    SHOW(mkdir("./../../tmp/brief", 0700));
    SHOW(rmdir("../brief"));
    SHOW(close(SHOW(open("..//./third", O_WRONLY | O_CREAT, 0600))));
    SHOW(fchdir(home));
    SHOW(close(home));
    return 0;
}
