// SPDX-License-Identifier: MIT
//
// What file actions close, open and dup in the child happens inside libc and changes nothing in the parent.
//
// before: file {cwd}/input
// expect: warning socket
// expect: warning pipe
// expect: warning pipe
// status: 0
#include <spawn.h>

#include "victim.h"

extern char** environ;

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    if (has_role(argc, argv, "child")) {
        for (int fd = 3; fd < 8; ++fd)
            SHOW(fcntl(fd, F_GETFD));
        return 6;
    }
    int ends[2];
    const int stream = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(pipe(ends));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addclose(&actions, stream);
    posix_spawn_file_actions_adddup2(&actions, ends[0], 6);
    posix_spawn_file_actions_addopen(&actions, ends[1], "input", O_RDONLY, 0);
    char* const arguments[] = {argv[0], (char*)tag, (char*)"child", NULL};
    pid_t child = 0;
    const int error = posix_spawn(&child, self(), &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    SHOW_PID(waitpid(child, &status, 0));
    say("answered %d, ended with %d\n", error, WEXITSTATUS(status));
    return 0;
}
