// SPDX-License-Identifier: MIT
//
// A helper that reads from its parent until the end, as Python's resource tracker does, ends when the parent
// is gone. In a mode that touches nothing it is still there at the end of the linger, so there it may be
// called a leak.
//
// expect: warning pipe
// may: error process
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    int ends[2];
    SHOW(pipe(ends));
    if (SHOW_FORK(fork()) == 0) {
        close(ends[1]);
        char byte;
        while (read(ends[0], &byte, 1) > 0)
            continue;
        _exit(0);
    }
    SHOW(close(ends[0]));
    return 0;
}
