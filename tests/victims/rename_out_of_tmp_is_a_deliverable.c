// SPDX-License-Identifier: MIT
//
// An atomic write: made under a temporary name, renamed to where it is wanted. It is released and has to
// stay.
//
// expect: nothing
// stays: {cwd}/deliverable
// stays: {cwd}/delivered-directory
// stays: {cwd}/replaced
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    char* file = in_tmp("work-XXXXXX");
    SHOW(close(SHOW(mkstemp(file))));
    SHOW(rename(file, "deliverable"));
    SHOW(mkdir(in_tmp("directory"), 0700));
    SHOW(close(SHOW(creat(in_tmp("directory/inside"), 0600))));
    SHOW(renameat(AT_FDCWD, in_tmp("directory"), AT_FDCWD, "delivered-directory"));
    char local[] = "replaced.XXXXXX";
    SHOW(close(SHOW(mkstemp(local))));
    SHOW(close(SHOW(creat("replaced", 0600))));
    SHOW(rename(local, "replaced"));
    return 0;
}
