// SPDX-License-Identifier: MIT
//
// O_TMPFILE makes a file without a name: nothing to leave, until linkat gives it one.
//
// expect: error temp_file path={tmp}/named
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    const int first = SHOW(open(in_tmp("."), O_RDWR | O_TMPFILE, 0600));
    SHOW(close(first));
    const int second = SHOW(open(in_tmp("."), O_RDWR | O_TMPFILE, 0600));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", second);
    SHOW(linkat(AT_FDCWD, path, AT_FDCWD, in_tmp("named"), AT_SYMLINK_FOLLOW));
    SHOW(close(second));
    SHOW(open(in_tmp("absent"), O_RDWR | O_TMPFILE, 0600));
    return 0;
}
