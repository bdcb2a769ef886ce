// SPDX-License-Identifier: MIT
//
// The directory is the topmost thing made; whether its socket file is shown beside it is up to the report,
// gone it has to be either way.
//
// expect: error temp_dir path={tmp}/tree
// may: error unix_socket path={tmp}/tree/inner.sock
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(mkdir(in_tmp("tree"), 0700));
    const struct sockaddr_un address = unix_address(in_tmp("tree/inner.sock"));
    const int server = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(bind(server, (const struct sockaddr*)&address, sizeof address));
    SHOW(close(server));
    return 0;
}
