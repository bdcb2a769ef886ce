// SPDX-License-Identifier: MIT
//
// Somebody else's socket file: the bind on it fails, and it is still there afterwards, the same as before.
//
// before: socket {tmp}/theirs.sock
// expect: nothing
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    const struct sockaddr_un address = unix_address(in_tmp("theirs.sock"));
    const int server = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(bind(server, (const struct sockaddr*)&address, sizeof address));
    SHOW(connect(server, (const struct sockaddr*)&address, sizeof address));
    SHOW(close(server));
    return 0;
}
