// SPDX-License-Identifier: MIT
//
// freopen as it creates: with `x` it makes the file or fails, and what was there is nobody's to remove.
//
// before: file {tmp}/theirs
// expect: error temp_file path={tmp}/exclusive
// expect: error temp_file path={tmp}/plain
// expect: warning file
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    FILE* stream = SHOW_POINTER(fopen("/dev/null", "r"));
    SHOW_POINTER(freopen(in_tmp("exclusive"), "wx", stream));
    SHOW_POINTER(freopen64(in_tmp("plain"), "a+", stream));
    SHOW_POINTER(freopen(in_tmp("exclusive"), "w+x", fopen("/dev/null", "r")));
    SHOW_POINTER(freopen(in_tmp("theirs"), "ax", fopen("/dev/null", "r")));
    FILE* appending = SHOW_POINTER(freopen(in_tmp("theirs"), "a", fopen("/dev/null", "r")));
    SHOW(fclose(appending));
    return 0;
}
