// SPDX-License-Identifier: MIT
//
// openpty makes two descriptors inside libc, posix_openpt one.
//
// expect: warning file|other_fd
// expect: warning file|other_fd
// expect: warning file|other_fd
// status: 0
#include <pty.h>

#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    int master = -1;
    int slave = -1;
    SHOW(openpty(&master, &slave, NULL, NULL, NULL));
    say("numbers %d %d\n", master, slave);
    SHOW(close(SHOW(posix_openpt(O_RDWR | O_NOCTTY))));
    SHOW(posix_openpt(O_RDWR | O_NOCTTY));
    return 0;
}
