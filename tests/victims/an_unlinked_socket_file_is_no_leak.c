// SPDX-License-Identifier: MIT
//
// A server that removes its socket file leaves nothing, whichever name of unlink it uses.
//
// expect: nothing
// status: 0
#include "victim.h"

static void serve_once(const char* path) {
    const struct sockaddr_un address = unix_address(path);
    const int server = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(bind(server, (const struct sockaddr*)&address, sizeof address));
    SHOW(close(server));
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    serve_once(in_tmp("one.sock"));
    SHOW(unlink(in_tmp("one.sock")));
    serve_once(in_tmp("two.sock"));
    SHOW(unlinkat(AT_FDCWD, in_tmp("two.sock"), 0));
    serve_once(in_tmp("three.sock"));
    SHOW(remove(in_tmp("three.sock")));
    SHOW(unlink(in_tmp("three.sock")));
    return 0;
}
