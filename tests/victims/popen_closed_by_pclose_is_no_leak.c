// SPDX-License-Identifier: MIT
//
// popen and pclose, in both directions; the status of the command comes through.
//
// expect: nothing
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    char line[64] = "";
    FILE* reading = SHOW_POINTER(popen("echo from the command", "r"));
    if (fgets(line, sizeof line, reading) != NULL) say("read %s", line);
    SHOW(pclose(reading));
    FILE* writing = SHOW_POINTER(popen("read word; test \"$word\" = go && exit 7", "we"));
    fputs("go\n", writing);
    SHOW(pclose(writing));
    SHOW_POINTER(popen("true", "no mode"));
    FILE* failing = SHOW_POINTER(popen("no-such-program-anywhere 2> /dev/null", "r"));
    SHOW(pclose(failing));
    return 0;
}
