// SPDX-License-Identifier: MIT
//
// An ordinary file that nobody closed. The calls that fail leave no record and their own errno.
//
// before: file {cwd}/input
// expect: warning file
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(open("input", O_RDONLY));
    SHOW(open("absent", O_RDONLY));
    SHOW(open("input/below", O_RDONLY));
    SHOW(open("input", O_RDONLY | O_DIRECTORY));
    SHOW(open("", O_RDWR));
    SHOW(openat(-1, "input", O_RDONLY));
    return 0;
}
