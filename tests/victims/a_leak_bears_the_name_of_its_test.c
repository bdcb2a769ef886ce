// SPDX-License-Identifier: MIT
//
// pytest says through the environment which test runs; a child inherits it, in whatever way it is set.
//
// expect: error temp_dir path={tmp}/before test=none
// expect: error temp_dir path={tmp}/first test=test_a.py::test_first*
// expect: error temp_dir path={tmp}/second test=test_a.py::test_second[x-1]*
// expect: error temp_dir path={tmp}/child test=test_a.py::test_second*
// expect: error temp_dir path={tmp}/exec test=test_a.py::test_third*
// expect: error temp_dir path={tmp}/after test=none
// status: 0
#include "victim.h"

static void in_a_child(char** argv, const char* tag, const char* path) {
    const pid_t child = fork();
    if (child == 0) {
        if (tag == NULL) _exit(mkdir(path, 0700));
        execl(self(), argv[0], tag, "child", path, NULL);
        _exit(127);
    }
    int status = -1;
    SHOW_PID(waitpid(child, &status, 0));
    say("status %d\n", status);
}

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    if (has_role(argc, argv, "child")) return mkdir(argv[3], 0700);
    static char put[] = "PYTEST_CURRENT_TEST=test_a.py::test_third (teardown)";
    SHOW(mkdir(in_tmp("before"), 0700));
    SHOW(setenv("PYTEST_CURRENT_TEST", "test_a.py::test_first (setup)", 1));
    SHOW(setenv("PYTEST_CURRENT_TEST", "test_a.py::test_first (call)", 1));
    SHOW(mkdir(in_tmp("first"), 0700));
    SHOW(setenv("PYTEST_CURRENT_TEST", "test_a.py::not_taken (call)", 0));
    SHOW(setenv("PYTEST_CURRENT_TEST", "test_a.py::test_second[x-1] (call)", 1));
    SHOW(mkdir(in_tmp("second"), 0700));
    in_a_child(argv, NULL, in_tmp("child"));
    SHOW(putenv(put));
    in_a_child(argv, tag, in_tmp("exec"));
    SHOW(unsetenv("PYTEST_CURRENT_TEST"));
    SHOW(mkdir(in_tmp("after"), 0700));
    return 0;
}
