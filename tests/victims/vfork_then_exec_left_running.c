// SPDX-License-Identifier: MIT
//
// vfork and exec, as Python's subprocess and dash start everything.
//
// expect: error process
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    if (has_role(argc, argv, "linger")) linger();
    const pid_t child = vfork();
    if (child == 0) {
        execl(self(), argv[0], tag, "linger", NULL);
        _exit(127);
    }
    say("a child: %s\n", child > 0 ? "yes" : "no");
    return 0;
}
