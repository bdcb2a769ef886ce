// SPDX-License-Identifier: MIT
//
// Every exec that takes an environment, called with an empty one in a forked child: the new image is still in
// the session, and leaves one directory each.
//
// expect: error temp_dir path={tmp}/execve-??????
// expect: error temp_dir path={tmp}/execle-??????
// expect: error temp_dir path={tmp}/execvpe-??????
// expect: error temp_dir path={tmp}/fexecve-??????
// expect: error temp_dir path={tmp}/execveat-??????
// status: 0
#include "victim.h"

static char* const kNothing[] = {NULL};

static void replace(int which, char** argv, const char* tag) {
    char* const names[] = {in_tmp("execve-XXXXXX"), in_tmp("execle-XXXXXX"), in_tmp("execvpe-XXXXXX"),
                           in_tmp("fexecve-XXXXXX"), in_tmp("execveat-XXXXXX")};
    char* const arguments[] = {argv[0], (char*)tag, (char*)"child", names[which], NULL};
    const int image = open(self(), O_RDONLY | O_CLOEXEC);
    if (which == 0) execve(self(), arguments, kNothing);
    if (which == 1) execle(self(), argv[0], tag, "child", names[1], NULL, kNothing);
    if (which == 2) execvpe(self(), arguments, kNothing);
    if (which == 3) fexecve(image, arguments, kNothing);
    if (which == 4) execveat(image, "", arguments, kNothing, AT_EMPTY_PATH);
}

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    if (has_role(argc, argv, "child")) {
        SHOW_POINTER(mkdtemp(argv[3]));
        return 0;
    }
    for (int which = 0; which < 5; ++which) {
        const pid_t child = fork();
        if (child == 0) {
            replace(which, argv, tag);
            _exit(127);
        }
        int status = 0;
        SHOW_PID(waitpid(child, &status, 0));
        say("ended with %d\n", WEXITSTATUS(status));
    }
    return 0;
}
