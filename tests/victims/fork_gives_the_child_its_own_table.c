// SPDX-License-Identifier: MIT
//
// A child closes its copies; those of the parent are as open as before. What the child opened is its own and
// gone with it.
//
// expect: warning socket
// expect: warning pipe
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    int ends[2];
    const int stream = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(pipe(ends));
    const pid_t child = fork();
    if (child == 0) {
        SHOW(close(stream));
        SHOW(close(ends[0]));
        SHOW(close(ends[1]));
        const int own = SHOW(socket(AF_UNIX, SOCK_DGRAM, 0));
        SHOW(close(own));
        _exit(0);
    }
    SHOW_PID(waitpid(child, NULL, 0));
    SHOW(close(ends[0]));
    SHOW(fcntl(stream, F_GETFD));
    return 0;
}
