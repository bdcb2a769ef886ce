// SPDX-License-Identifier: MIT
//
// exit_group by number: no handler, no flush, but the end of the run.
//
// expect: error temp_dir path={tmp}/leak-??????
// status: 0
#include "victim.h"

static void at_exit_handler(void) {
    say("atexit handler\n");
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    atexit(at_exit_handler);
    SHOW_POINTER(mkdtemp(in_tmp("leak-XXXXXX")));
    printf("what stdio still holds\n");
    syscall(SYS_exit_group, 0);
    return 1;
}
