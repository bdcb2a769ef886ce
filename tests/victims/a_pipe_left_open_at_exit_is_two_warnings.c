// SPDX-License-Identifier: MIT
//
// A pipe is two descriptors; closing one end leaves the other.
//
// expect: warning pipe
// expect: warning pipe
// expect: warning pipe
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    int both[2] = {-1, -1};
    int half[2] = {-1, -1};
    int none[2] = {-1, -1};
    SHOW(pipe(both));
    SHOW(pipe2(half, O_CLOEXEC | O_NONBLOCK));
    SHOW(close(half[0]));
    SHOW(pipe2(none, 0));
    SHOW(close(none[0]));
    SHOW(close(none[1]));
    SHOW(pipe2(none, 077));
    say("numbers %d %d %d %d\n", both[0], both[1], half[0], half[1]);
    return 0;
}
