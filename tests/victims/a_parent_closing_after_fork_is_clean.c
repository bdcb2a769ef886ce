// SPDX-License-Identifier: MIT
//
// The usual dance of a parent and its child around a pipe: each closes the end it does not need, nothing is
// left.
//
// expect: nothing
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    int ends[2];
    SHOW(pipe(ends));
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        const ssize_t written = write(ends[1], "x", 1);
        close(ends[1]);
        _exit(written == 1 ? 0 : 1);
    }
    SHOW(close(ends[1]));
    char byte = 0;
    SHOW(read(ends[0], &byte, 1));
    SHOW(read(ends[0], &byte, 1));
    SHOW(close(ends[0]));
    int status = -1;
    SHOW_PID(waitpid(child, &status, 0));
    say("status %d\n", status);
    return 0;
}
