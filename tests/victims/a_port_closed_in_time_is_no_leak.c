// SPDX-License-Identifier: MIT
//
// A server that gives its port back leaves nothing, and the port can be bound again at once.
//
// expect: nothing
// status: 0
#include <arpa/inet.h>
#include <netinet/in.h>

#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in fallback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int round = 0; round < 2; ++round) {
        int server = socket(AF_INET6, SOCK_STREAM, 0);
        // A machine without IPv6 shows the same with IPv4: what is compared is this run with that of the same
        // machine.
        if (server < 0 || bind(server, (struct sockaddr*)&address, sizeof address) != 0) {
            if (server >= 0) close(server);
            server = socket(AF_INET, SOCK_STREAM, 0);
            SHOW(bind(server, (struct sockaddr*)&fallback, sizeof fallback));
        }
        SHOW(listen(server, 1));
        SHOW(close(server));
    }
    return 0;
}
