// SPDX-License-Identifier: MIT
//
// pidfd_getfd gives a copy of what a process has open, here of our own.
//
// expect: warning socket|other_fd
// status: 0
#include <sys/pidfd.h>

#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    const int self_fd = SHOW(pidfd_open(getpid(), 0));
    const int stream = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(close(SHOW(pidfd_getfd(self_fd, stream, 0))));
    SHOW(pidfd_getfd(self_fd, stream, 0));
    SHOW(pidfd_getfd(self_fd, 4000, 0));
    SHOW(pidfd_getfd(self_fd, stream, 77));
    SHOW(pidfd_getfd(stream, stream, 0));
    SHOW(close(stream));
    SHOW(close(self_fd));
    return 0;
}
