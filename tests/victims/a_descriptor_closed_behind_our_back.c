// SPDX-License-Identifier: MIT
//
// A raw system call closes a socket, which no preload can see. When the number comes back the stale entry has
// to go: one socket is left, not two, and the other is not taken for open either.
//
// expect: warning socket
// may: note socket
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    const int first = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(unseen_call(SYS_close, first, 0, 0));
    const int again = SHOW(socket(AF_UNIX, SOCK_DGRAM, 0));
    const int last = SHOW(socket(AF_UNIX, SOCK_SEQPACKET, 0));
    say("the same number: %s\n", first == again ? "yes" : "no");
    SHOW(unseen_call(SYS_close, last, 0, 0));
    return 0;
}
