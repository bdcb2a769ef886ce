// SPDX-License-Identifier: MIT
//
// The command has long ended, the pipe to it was never closed.
//
// expect: warning pipe
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    char line[64] = "";
    FILE* reading = SHOW_POINTER(popen("echo once", "r"));
    if (fgets(line, sizeof line, reading) != NULL) say("read %s", line);
    SHOW_PID(wait(NULL));
    return 0;
}
