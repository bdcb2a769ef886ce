// SPDX-License-Identifier: MIT
//
// The command runs on, deaf to its pipe: a process that outlives the run, and a pipe that was open at exit.
//
// expect: error process
// expect: warning pipe
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW_POINTER(popen("exec sleep 120 > /dev/null 2>&1", "r"));
    return 0;
}
