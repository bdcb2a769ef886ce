// SPDX-License-Identifier: MIT
//
// Files made under a temp root by ordinary calls.
//
// expect: error temp_file path={tmp}/exclusive
// expect: error temp_file path={tmp}/plain
// expect: error temp_file path={tmp}/large
// expect: error temp_file path={tmp}/at
// expect: error temp_file path={tmp}/at-large
// expect: error temp_file path={tmp}/created
// expect: error temp_file path={tmp}/created-large
// expect: error temp_file path={tmp}/stream
// expect: error temp_file path={tmp}/stream-large
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(close(SHOW(open(in_tmp("exclusive"), O_RDWR | O_CREAT | O_EXCL, 0600))));
    SHOW(close(SHOW(open(in_tmp("plain"), O_RDWR | O_CREAT | O_TRUNC, 0600))));
    SHOW(close(SHOW(open64(in_tmp("large"), O_RDWR | O_CREAT, 0600))));
    SHOW(close(SHOW(openat(AT_FDCWD, in_tmp("at"), O_RDWR | O_CREAT, 0600))));
    SHOW(close(SHOW(openat64(AT_FDCWD, in_tmp("at-large"), O_RDWR | O_CREAT, 0600))));
    SHOW(close(SHOW(creat(in_tmp("created"), 0600))));
    SHOW(close(SHOW(creat64(in_tmp("created-large"), 0600))));
    FILE* stream = SHOW_POINTER(fopen(in_tmp("stream"), "w"));
    SHOW(fclose(stream));
    FILE* large = SHOW_POINTER(fopen64(in_tmp("stream-large"), "a+x"));
    SHOW(fclose(large));

    SHOW(open(in_tmp("exclusive"), O_RDWR | O_CREAT | O_EXCL, 0600));
    SHOW(open(in_tmp("absent/file"), O_RDWR | O_CREAT, 0600));
    SHOW(creat(in_tmp("."), 0600));
    SHOW_POINTER(fopen64(in_tmp("stream"), "wx"));
    SHOW_POINTER(fopen(in_tmp("absent/stream"), "w"));
    return 0;
}
