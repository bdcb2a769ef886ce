// SPDX-License-Identifier: MIT
//
// A stream closes its descriptor inside libc. After fclose the number is free, also when the stream was made
// from a descriptor that the program had opened itself.
//
// before: file {cwd}/input
// expect: nothing
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    FILE* plain = SHOW_POINTER(fopen("input", "r"));
    say("number %d\n", fileno(plain));
    SHOW(fclose(plain));
    const int fd = SHOW(open("input", O_RDONLY));
    FILE* wrapped = SHOW_POINTER(fdopen(fd, "r"));
    SHOW_POINTER(fdopen(-1, "r"));
    SHOW_POINTER(fdopen(fd, "w"));
    SHOW_POINTER(fdopen(fd, "no mode"));
    SHOW(fclose(wrapped));
    SHOW(close(fd));
    int pair[2];
    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    FILE* socket_stream = SHOW_POINTER(fdopen(pair[0], "r+"));
    SHOW(fclose(socket_stream));
    SHOW(close(pair[1]));
    return 0;
}
