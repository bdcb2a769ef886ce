// SPDX-License-Identifier: MIT
//
// The file outlives the run, its descriptor does not: one error and one warning.
//
// expect: error temp_file path={tmp}/leak-??????
// expect: warning file
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    const int fd = SHOW(mkstemp(in_tmp("leak-XXXXXX")));
    SHOW(write(fd, "data", 4));
    return 0;
}
