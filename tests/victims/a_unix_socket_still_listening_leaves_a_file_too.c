// SPDX-License-Identifier: MIT
//
// The open descriptor dies with the process (a warning), the file stays (an error).
//
// expect: error unix_socket path={tmp}/served.sock
// expect: warning socket
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    const struct sockaddr_un address = unix_address(in_tmp("served.sock"));
    const int server = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(bind(server, (const struct sockaddr*)&address, sizeof address));
    SHOW(listen(server, 4));
    return 0;
}
