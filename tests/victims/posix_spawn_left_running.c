// SPDX-License-Identifier: MIT
//
// posix_spawn and posix_spawnp, which start a process from inside libc and return their error instead of
// setting it.
//
// expect: error process
// expect: error process
// status: 0
#include <signal.h>
#include <spawn.h>

#include "victim.h"

extern char** environ;

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    if (has_role(argc, argv, "linger")) linger();
    char* const arguments[] = {argv[0], (char*)tag, (char*)"linger", NULL};
    char* const end[] = {(char*)"true", NULL};
    pid_t child = 0;
    int status = 0;
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    SHOW_ERROR(posix_spawn(&child, self(), NULL, NULL, arguments, environ));
    SHOW_ERROR(posix_spawnp(&child, self(), NULL, &attributes, arguments, environ));
    SHOW_ERROR(posix_spawn(NULL, "/absent/program", NULL, NULL, arguments, environ));
    SHOW_ERROR(posix_spawnp(&child, "no-such-program-anywhere", NULL, NULL, arguments, environ));
    SHOW_ERROR(posix_spawnp(&child, "true", NULL, NULL, end, environ));
    SHOW_PID(waitpid(child, &status, 0));
    posix_spawnattr_destroy(&attributes);
    return 0;
}
