// SPDX-License-Identifier: MIT
//
// Names that are too long, loops of links and null pointers: the kernel's answer is the host's answer, and
// reading the name for a record must not be what crashes it.
//
// expect: error link path={tmp}/loop
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    static char huge[3 * PATH_MAX];
    memset(huge, 'x', sizeof huge - 1);
    SHOW(mkdir(huge, 0700));
    SHOW(open(huge, O_RDWR | O_CREAT, 0600));
    SHOW(rename(huge, "short"));
    SHOW(unlink(huge));
    memset(huge, '/', 2 * PATH_MAX);
    SHOW(rmdir(huge));
    char component[NAME_MAX + 2];
    memset(component, 'y', sizeof component - 1);
    component[sizeof component - 1] = '\0';
    SHOW(mkdir(in_tmp(component), 0700));
    SHOW(symlink("loop", in_tmp("loop")));
    SHOW(open(in_tmp("loop"), O_RDWR | O_CREAT, 0600));
    SHOW(mkdir(in_tmp("loop/below"), 0700));

    // Addresses that hold no string; volatile, so that the compiler does not know.
    const char* volatile nowhere = (const char*)16;
    SHOW(mkdir(nowhere, 0700));
    SHOW(open(nowhere, O_RDWR | O_CREAT, 0600));
    SHOW(unlink(nowhere));
    SHOW(rename(nowhere, nowhere));
    SHOW(symlink(nowhere, nowhere));
    return 0;
}
