// SPDX-License-Identifier: MIT
//
// A tree whose leaves have no name that a single call could take. It is one record, and all of it can be
// removed.
//
// expect: error temp_dir path={tmp}/top
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    char name[201];
    memset(name, 'n', 200);
    name[200] = '\0';
    SHOW(mkdir(in_tmp("top"), 0700));
    int at = SHOW(open(in_tmp("top"), O_RDONLY | O_DIRECTORY));
    for (int depth = 0; depth < 40; ++depth) {
        if (mkdirat(at, name, 0700) != 0) return 1;
        const int below = openat(at, name, O_RDONLY | O_DIRECTORY);
        if (below < 0) return 2;
        close(at);
        at = below;
    }
    SHOW(close(SHOW(openat(at, "leaf", O_WRONLY | O_CREAT, 0600))));
    SHOW(close(at));
    return 0;
}
