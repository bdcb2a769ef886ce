// SPDX-License-Identifier: MIT
//
// closefrom ends everything from a number on; what lies below it stays.
//
// expect: warning socket
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    int ends[2];
    const int below = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(pipe(ends));
    SHOW(dup2(ends[0], 300));
    closefrom(below + 1);
    SHOW(close(300));
    SHOW(close(ends[0]));
    SHOW(fcntl(below, F_GETFD));
    return 0;
}
