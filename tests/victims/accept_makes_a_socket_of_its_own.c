// SPDX-License-Identifier: MIT
//
// Each accepted connection is a descriptor that somebody has to close: of the two made here one stays, while
// the listener, the connecting ends and the other one are closed.
//
// expect: warning socket
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

    const int first = SHOW(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(connect(first, (struct sockaddr*)&address, length));
    const int kept = SHOW(accept(server, NULL, NULL));
    const int second = SHOW(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(connect(second, (struct sockaddr*)&address, length));
    SHOW(connect(second, (struct sockaddr*)&address, length));
    const int brief =
        SHOW(accept4(server, (struct sockaddr*)&address, &length, SOCK_CLOEXEC | SOCK_NONBLOCK));
    say("kept %d\n", kept);

    SHOW(fcntl(server, F_SETFL, O_NONBLOCK));
    SHOW(accept(server, NULL, NULL));
    SHOW(accept4(server, NULL, NULL, 0));
    SHOW(accept4(server, NULL, NULL, 0x7fff));
    SHOW(accept(-1, NULL, NULL));
    SHOW(accept(STDIN_FILENO, NULL, NULL));
    SHOW(close(brief));
    SHOW(close(first));
    SHOW(close(second));
    SHOW(close(server));
    return 0;
}
