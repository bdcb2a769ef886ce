// SPDX-License-Identifier: MIT
//
// Between vfork and exec a child runs in its parent's memory, but with its own descriptors: what it closes,
// dup2s or close_ranges there is not closed in the parent.
//
// expect: warning socket
// expect: warning socket
// expect: warning pipe
// expect: warning pipe
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    if (has_role(argc, argv, "child")) {
        for (int fd = 3; fd < 8; ++fd)
            SHOW(fcntl(fd, F_GETFD));
        return 5;
    }
    int ends[2];
    const int first = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    const int second = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(pipe(ends));
    const pid_t child = vfork();
    if (child == 0) {
        close(first);
        dup2(ends[1], second);
        close_range(3, ~0U, 0);
        execl(self(), argv[0], tag, "child", NULL);
        _exit(127);
    }
    int status = -1;
    SHOW_PID(waitpid(child, &status, 0));
    say("status %d\n", status);
    for (int fd = 3; fd < 8; ++fd)
        SHOW(fcntl(fd, F_GETFD));
    return 0;
}
