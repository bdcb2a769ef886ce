// SPDX-License-Identifier: MIT
//
// A port that its own process still holds at exit is free a moment later: a warning. Every way for bind and
// listen to fail answers as it would without the shim.
//
// expect: warning listening_port
// status: 0
#include <arpa/inet.h>
#include <netinet/in.h>

#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    const int server = SHOW(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(bind(server, (struct sockaddr*)&address, sizeof address));
    SHOW(listen(server, 4));
    SHOW(getsockname(server, (struct sockaddr*)&address, &length));

    const int second = SHOW(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(bind(second, (struct sockaddr*)&address, sizeof address));
    SHOW(bind(second, (struct sockaddr*)&address, 1));
    SHOW(close(second));
    SHOW(bind(-1, (struct sockaddr*)&address, sizeof address));
    SHOW(listen(-1, 4));
    SHOW(listen(STDIN_FILENO, 4));
    return 0;
}
