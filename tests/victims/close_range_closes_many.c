// SPDX-License-Identifier: MIT
//
// One close_range over everything above stderr ends all of it; the calls it refuses end nothing.
//
// expect: warning socket
// status: 0
#include <linux/close_range.h>

#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    int ends[2];
    const int first = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(pipe(ends));
    SHOW(dup2(first, 200));
    SHOW(close_range(9, 3, 0));
    SHOW(close_range(3, 9, 0x40));
    SHOW(close(first));
    SHOW(socket(AF_UNIX, SOCK_DGRAM, 0));
    SHOW(close_range(3, ~0U, 0));
    SHOW(close(200));
    SHOW(close_range(3, ~0U, 0));
    SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    return 0;
}
