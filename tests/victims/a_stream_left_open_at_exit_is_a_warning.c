// SPDX-License-Identifier: MIT
//
// fopen opens a descriptor from inside libc, where no preload sees it: the stream's own number is what
// counts. What stdio has buffered must still reach the file.
//
// before: file {cwd}/input
// expect: warning file
// expect: warning file
// stays: {cwd}/output
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW_POINTER(fopen("input", "r"));
    FILE* output = SHOW_POINTER(fopen64("output", "w"));
    fputs("buffered until the exit\n", output);
    SHOW_POINTER(fopen("absent", "r"));
    SHOW_POINTER(fopen64("absent", "r"));
    SHOW_POINTER(fopen("input", "no mode"));
    return 0;
}
