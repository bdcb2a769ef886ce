// SPDX-License-Identifier: MIT
//
// _Exit, the name of _exit in the C standard.
//
// expect: error temp_dir path={tmp}/leak-??????
// status: 5
#include "victim.h"

static void at_exit_handler(void) {
    say("atexit handler\n");
}
static void at_quick_exit_handler(void) {
    say("at_quick_exit handler\n");
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    atexit(at_exit_handler);
    at_quick_exit(at_quick_exit_handler);
    SHOW_POINTER(mkdtemp(in_tmp("leak-XXXXXX")));
    printf("what stdio still holds\n");
    _Exit(5);
}
