// SPDX-License-Identifier: MIT
//
// An abstract name vanishes with its last descriptor: nothing to unlink, only the descriptor is left at exit.
//
// expect: warning socket
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "leak-%s", tag);
    const socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 6 + strlen(tag));
    const int server = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(bind(server, (const struct sockaddr*)&address, length));
    const int second = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(bind(second, (const struct sockaddr*)&address, length));
    // Five bytes of family alone: the kernel picks an abstract name itself.
    SHOW(bind(second, (const struct sockaddr*)&address, sizeof(sa_family_t)));
    SHOW(close(second));
    return 0;
}
