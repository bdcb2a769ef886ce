// SPDX-License-Identifier: MIT
//
// The root becomes another image of the same process: the descriptors without CLOEXEC go along and are still
// its own at the exit, those with it are closed by the kernel.
//
// expect: warning socket
// expect: warning pipe
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    if (has_role(argc, argv, "after")) {
        for (int fd = 3; fd < 8; ++fd)
            SHOW(fcntl(fd, F_GETFD));
        SHOW(close(6));
        return 0;
    }
    int ends[2];
    SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    SHOW(pipe(ends));
    const int marked = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(fcntl(marked, F_SETFD, FD_CLOEXEC));
    execl(self(), argv[0], tag, "after", NULL);
    return 9;
}
