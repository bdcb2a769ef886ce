// SPDX-License-Identifier: MIT
//
// A duplicate is a descriptor of the same kind that has to be closed on its own: five ways to make one, of
// which the last stays.
//
// expect: warning socket
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    const int original = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(close(SHOW(dup(original))));
    SHOW(close(SHOW(dup2(original, 40))));
    SHOW(close(SHOW(dup3(original, 41, O_CLOEXEC))));
    SHOW(close(SHOW(fcntl(original, F_DUPFD, 50))));
    SHOW(fcntl(original, F_DUPFD_CLOEXEC, 60));
    SHOW(close(original));

    SHOW(dup(-1));
    SHOW(dup(original));
    SHOW(dup2(-1, 40));
    SHOW(dup2(60, -1));
    SHOW(dup3(60, 60, 0));
    SHOW(dup3(60, 41, 077));
    SHOW(fcntl(60, F_DUPFD, -1));
    SHOW(fcntl(-1, F_DUPFD_CLOEXEC, 3));
    SHOW(fcntl(60, 987654));
    return 0;
}
