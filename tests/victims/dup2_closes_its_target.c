// SPDX-License-Identifier: MIT
//
// dup2 and dup3 close what stood under the new number without a word. The sockets that were overwritten are
// gone, and with both copies of the pipe's end closed nothing is left; a dup2 onto itself changes nothing.
//
// expect: nothing
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    int ends[2];
    const int first = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    const int second = SHOW(socket(AF_UNIX, SOCK_DGRAM, 0));
    SHOW(pipe(ends));
    SHOW(dup2(ends[0], first));
    SHOW(dup3(ends[1], second, 0));
    SHOW(dup2(first, first));
    SHOW(dup2(-1, first));
    SHOW(close(ends[0]));
    SHOW(close(ends[1]));
    SHOW(close(first));
    SHOW(close(second));
    SHOW(close(second));
    return 0;
}
