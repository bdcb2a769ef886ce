// SPDX-License-Identifier: MIT
//
// A socket file outside the temp roots is as dead as one inside when its server is gone; here the name is
// relative to the working directory, too.
//
// expect: error unix_socket path={cwd}/here.sock
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    const struct sockaddr_un address = unix_address("here.sock");
    const int server = SHOW(socket(AF_UNIX, SOCK_DGRAM, 0));
    SHOW(bind(server, (const struct sockaddr*)&address, sizeof address));
    SHOW(close(server));
    return 0;
}
