// SPDX-License-Identifier: MIT
//
// Each exec fails once in the root, which goes on as the root, with its environment and its records.
//
// before: file {cwd}/not-a-program
// expect: error temp_dir path={tmp}/after-??????
// expect: warning socket
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    char* const arguments[] = {(char*)"absent", NULL};
    char* const nothing[] = {NULL};
    SHOW(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    SHOW(execve("/absent/program", arguments, nothing));
    SHOW(execve("./not-a-program", arguments, nothing));
    SHOW(execv("/absent/program", arguments));
    SHOW(execvp("no-such-program-anywhere", arguments));
    SHOW(execvpe("no-such-program-anywhere", arguments, nothing));
    SHOW(execl("/absent/program", "absent", NULL));
    SHOW(execle("/absent/program", "absent", NULL, nothing));
    SHOW(execlp("no-such-program-anywhere", "absent", NULL));
    SHOW(fexecve(-1, arguments, nothing));
    SHOW(execveat(AT_FDCWD, "absent", arguments, nothing, 0));
    SHOW(execveat(-1, "", arguments, nothing, AT_EMPTY_PATH));
    SHOW(execve("/", arguments, nothing));
    SHOW_POINTER(mkdtemp(in_tmp("after-XXXXXX")));
    return 0;
}
