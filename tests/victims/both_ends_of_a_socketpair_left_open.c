// SPDX-License-Identifier: MIT
//
// socketpair makes two descriptors by one call, or none at all.
//
// expect: warning socket
// expect: warning socket
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    int left[2] = {-1, -1};
    int closed[2] = {-1, -1};
    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, left));
    SHOW(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, closed));
    say("numbers %d %d %d %d\n", left[0], left[1], closed[0], closed[1]);
    SHOW(close(closed[1]));
    SHOW(close(closed[0]));
    SHOW(socketpair(AF_INET, SOCK_STREAM, 0, closed));
    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 77, closed));
    return 0;
}
