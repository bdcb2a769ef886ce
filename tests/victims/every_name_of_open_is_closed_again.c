// SPDX-License-Identifier: MIT
//
// open, openat and creat with their 64-bit twins, each tried on a file that is there and on one that is not.
// The flags are no constants, so that a fortified build calls the checking twins (__open_2 and its kind).
//
// before: file {cwd}/input
// expect: nothing
// stays: {cwd}/made
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    volatile int flags = O_RDONLY | O_CLOEXEC;
    SHOW(close(SHOW(open("input", flags))));
    SHOW(close(SHOW(open64("input", flags))));
    SHOW(close(SHOW(openat(AT_FDCWD, "input", flags))));
    SHOW(close(SHOW(openat64(AT_FDCWD, "input", flags))));
    SHOW(close(SHOW(creat("made", 0600))));
    SHOW(close(SHOW(creat64("made", 0600))));
    SHOW(open("absent", flags));
    SHOW(open64("absent", flags));
    SHOW(openat(AT_FDCWD, "absent", flags));
    SHOW(openat64(AT_FDCWD, "absent", flags));
    SHOW(creat("no/such/place", 0600));
    SHOW(creat64("no/such/place", 0600));
    return 0;
}
