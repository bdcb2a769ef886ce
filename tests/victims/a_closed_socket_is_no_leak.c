// SPDX-License-Identifier: MIT
//
// Sockets that are closed in time are never heard of again, also when their numbers come back.
//
// expect: nothing
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    for (int round = 0; round < 3; ++round) {
        const int stream = SHOW(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const int datagram = SHOW(socket(AF_INET, SOCK_DGRAM, 0));
        const int local = SHOW(socket(AF_UNIX, SOCK_SEQPACKET, 0));
        SHOW(close(datagram));
        SHOW(close(stream));
        SHOW(close(local));
        SHOW(close(local));
    }
    return 0;
}
