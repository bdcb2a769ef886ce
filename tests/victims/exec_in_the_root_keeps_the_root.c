// SPDX-License-Identifier: MIT
//
// The root execs itself twice, the second time with an empty environment: one session, which ends once, with
// all that the three images left.
//
// expect: error temp_dir path={tmp}/first-??????
// expect: error temp_dir path={tmp}/second-??????
// expect: error temp_dir path={tmp}/third-??????
// status: 4
#include "victim.h"

int main(int argc, char** argv) {
    const char* tag = tag_of(argc, argv);
    if (has_role(argc, argv, "third")) {
        SHOW_POINTER(mkdtemp(argv[3]));
        return 4;
    }
    if (has_role(argc, argv, "second")) {
        SHOW_POINTER(mkdtemp(in_tmp("second-XXXXXX")));
        char* const arguments[] = {argv[0], (char*)tag, (char*)"third", in_tmp("third-XXXXXX"), NULL};
        char* const nothing[] = {NULL};
        execve(self(), arguments, nothing);
        return 9;
    }
    SHOW_POINTER(mkdtemp(in_tmp("first-XXXXXX")));
    execl(self(), argv[0], tag, "second", NULL);
    return 9;
}
