// SPDX-License-Identifier: MIT
//
// Every exec that hands on environ, after the program emptied it: with clearenv, by unsetting the variables
// one by one, or by pointing environ elsewhere.
//
// expect: error temp_dir path={tmp}/execv-??????
// expect: error temp_dir path={tmp}/execl-??????
// expect: error temp_dir path={tmp}/execvp-??????
// expect: error temp_dir path={tmp}/execlp-??????
// expect: error temp_dir path={tmp}/vfork-??????
// status: 0
#include "victim.h"

extern char** environ;

static void empty(int which) {
    static char* nothing[] = {NULL};
    if (which % 2 == 0) {
        clearenv();
    } else if (which == 1) {
        unsetenv("LD_PRELOAD");
        unsetenv("LEAKSHIM_SESSION");
    } else {
        environ = nothing;
    }
}

static void replace(int which, char** argv, const char* tag, char* path) {
    char* const arguments[] = {argv[0], (char*)tag, (char*)"child", path, NULL};
    if (which == 0 || which == 4) execv(self(), arguments);
    if (which == 1) execl(self(), argv[0], tag, "child", path, NULL);
    if (which == 2) execvp(self(), arguments);
    if (which == 3) execlp(self(), argv[0], tag, "child", path, NULL);
}

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    if (has_role(argc, argv, "child")) {
        SHOW_POINTER(mkdtemp(argv[3]));
        return 0;
    }
    char* const paths[] = {in_tmp("execv-XXXXXX"), in_tmp("execl-XXXXXX"), in_tmp("execvp-XXXXXX"),
                           in_tmp("execlp-XXXXXX"), in_tmp("vfork-XXXXXX")};
    for (int which = 0; which < 5; ++which) {
        if (which == 4) clearenv();
        const pid_t child = which == 4 ? vfork() : fork();
        if (child == 0) {
            if (which != 4) empty(which);
            replace(which, argv, tag, paths[which]);
            _exit(127);
        }
        int status = 0;
        SHOW_PID(waitpid(child, &status, 0));
        say("ended with %d\n", WEXITSTATUS(status));
    }
    return 0;
}
