// SPDX-License-Identifier: MIT
//
// The root itself goes into the background: its caller sees it end with 0, so that is the end of the run, and
// what went on in the background outlives it.
//
// expect: error process
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    say("before\n");
    if (daemon(1, 1) != 0) return 1;
    linger();
}
