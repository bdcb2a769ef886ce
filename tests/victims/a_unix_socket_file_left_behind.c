// SPDX-License-Identifier: MIT
//
// Closing a unix socket does not remove its file: the file outlives the run, the second bind on it fails, and
// one in a directory that is not there was never made.
//
// expect: error unix_socket path={tmp}/leak.sock
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    const struct sockaddr_un address = unix_address(in_tmp("leak.sock"));
    const struct sockaddr_un nowhere = unix_address(in_tmp("nowhere/leak.sock"));
    const int server = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(bind(server, (const struct sockaddr*)&nowhere, sizeof nowhere));
    SHOW(bind(server, (const struct sockaddr*)&address, sizeof address));
    SHOW(listen(server, 4));
    SHOW(close(server));

    const int second = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(bind(second, (const struct sockaddr*)&address, sizeof address));
    SHOW(connect(second, (const struct sockaddr*)&address, sizeof address));
    SHOW(close(second));
    return 0;
}
