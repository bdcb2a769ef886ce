// SPDX-License-Identifier: MIT
//
// A test runner that no hook sees, since it is linked statically: runs a command COUNT times, each when the
// one before is over.
//
//     static_runner COUNT COMMAND [ARGUMENT]...
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

extern char** environ;

int main(int count, char** arguments) {
    if (count < 3) return 2;
    for (int i = 0; i < atoi(arguments[1]); ++i) {
        pid_t pid;
        int status = 0;
        if (posix_spawnp(&pid, arguments[2], NULL, NULL, arguments + 2, environ) != 0) return 3;
        if (waitpid(pid, &status, 0) != pid || status != 0) return 4;
    }
    return 0;
}
