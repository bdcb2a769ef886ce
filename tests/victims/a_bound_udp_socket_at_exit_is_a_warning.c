// SPDX-License-Identifier: MIT
//
// A datagram socket has no listen(): bound, it holds its port just the same.
//
// expect: warning socket|listening_port
// status: 0
#include <arpa/inet.h>
#include <netinet/in.h>

#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int holder = SHOW(socket(AF_INET, SOCK_DGRAM, 0));
    SHOW(bind(holder, (struct sockaddr*)&address, sizeof address));
    SHOW(bind(holder, (struct sockaddr*)&address, sizeof address));
    SHOW(listen(holder, 1));
    return 0;
}
