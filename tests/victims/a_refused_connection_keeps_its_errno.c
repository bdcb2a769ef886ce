// SPDX-License-Identifier: MIT
//
// connect fails in many ways; each is the host's to see, and none makes a record.
//
// expect: nothing
// status: 0
#include <arpa/inet.h>
#include <netinet/in.h>

#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    const int holder = SHOW(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(bind(holder, (struct sockaddr*)&address, sizeof address));
    SHOW(getsockname(holder, (struct sockaddr*)&address, &length));
    const int client = SHOW(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(connect(client, (struct sockaddr*)&address, length));
    SHOW(connect(client, (struct sockaddr*)&address, 3));
    SHOW(close(client));
    SHOW(close(holder));
    SHOW(connect(-1, (struct sockaddr*)&address, length));

    const struct sockaddr_un nobody = unix_address(in_tmp("nobody.sock"));
    const int local = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(connect(local, (const struct sockaddr*)&nobody, sizeof nobody));
    SHOW(close(local));
    return 0;
}
