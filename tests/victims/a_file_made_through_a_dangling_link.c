// SPDX-License-Identifier: MIT
//
// open with O_CREAT follows a dangling symlink and makes what it points to; with O_EXCL it refuses. The
// link is the run's. Whether the file behind it was there cannot be told, so that file is nobody's and stays.
//
// expect: error link path={tmp}/link
// stays: {tmp}/behind
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(symlink("behind", in_tmp("link")));
    SHOW(open(in_tmp("link"), O_RDWR | O_CREAT | O_EXCL, 0600));
    SHOW(close(SHOW(open(in_tmp("link"), O_RDWR | O_CREAT, 0600))));
    struct stat about;
    SHOW(lstat(in_tmp("behind"), &about));
    say("a file: %s\n", S_ISREG(about.st_mode) ? "yes" : "no");
    return 0;
}
