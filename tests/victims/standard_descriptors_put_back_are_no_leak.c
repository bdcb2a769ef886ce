// SPDX-License-Identifier: MIT
//
// A shell redirects by saving a standard descriptor, putting a file in its place, and putting the saved one
// back.
//
// What is left for good makes the run's end say all that it knows.
//
// expect: error temp_dir path={tmp}/leak
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    fflush(stdout);
    const int saved = fcntl(STDOUT_FILENO, F_DUPFD, 10);
    const int file = open("/dev/null", O_WRONLY);
    const int redirected = dup2(file, STDOUT_FILENO);
    const int closed = close(file);
    const int back = dup2(saved, STDOUT_FILENO);
    say("saved %d, redirected %d, closed %d, back %d\n", saved >= 10, redirected, closed, back);
    SHOW(close(saved));
    SHOW(mkdir(in_tmp("leak"), 0700));
    return 0;
}
