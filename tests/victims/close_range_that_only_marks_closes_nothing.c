// SPDX-License-Identifier: MIT
//
// With CLOSE_RANGE_CLOEXEC the descriptors stay open until an exec: after a failed one they are all still
// there.
//
// expect: warning socket
// expect: warning eventfd
// status: 0
#include <linux/close_range.h>
#include <sys/eventfd.h>

#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    const int stream = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    const int counter = SHOW(eventfd(0, 0));
    SHOW(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC));
    SHOW(fcntl(stream, F_GETFD));
    SHOW(fcntl(counter, F_GETFD));
    char* const arguments[] = {"absent", NULL};
    SHOW(execv("/absent/program", arguments));
    return 0;
}
