// SPDX-License-Identifier: MIT
//
// A test that cleans up its whole tree from the leaves upward, by directory descriptors, as Python's rmtree
// does.
//
// expect: nothing
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    char* root = in_tmp("tree-XXXXXX");
    SHOW_POINTER(mkdtemp(root));
    const int top = SHOW(open(root, O_RDONLY | O_DIRECTORY));
    for (int i = 0; i < 5; ++i) {
        char name[32];
        snprintf(name, sizeof name, "directory-%d", i);
        SHOW(mkdirat(top, name, 0700));
        const int below = SHOW(openat(top, name, O_RDONLY | O_DIRECTORY));
        SHOW(close(SHOW(openat(below, "file", O_WRONLY | O_CREAT, 0600))));
        SHOW(unlinkat(below, "file", 0));
        SHOW(close(below));
        SHOW(unlinkat(top, name, AT_REMOVEDIR));
    }
    SHOW(close(top));
    SHOW(rmdir(root));
    return 0;
}
