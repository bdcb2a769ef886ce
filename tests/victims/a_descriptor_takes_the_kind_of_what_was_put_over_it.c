// SPDX-License-Identifier: MIT
//
// After dup2 of a pipe's end over a socket the number is a pipe, not a socket.
//
// expect: warning pipe
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    int ends[2];
    const int target = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(pipe(ends));
    SHOW(dup2(ends[1], target));
    SHOW(close(ends[0]));
    SHOW(close(ends[1]));
    return 0;
}
