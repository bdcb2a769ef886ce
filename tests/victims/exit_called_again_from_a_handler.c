// SPDX-License-Identifier: MIT
//
// A handler that calls exit itself decides the status; the remaining handlers still run, and the session ends
// once.
//
// expect: error temp_dir path={tmp}/leak-??????
// status: 8
#include "victim.h"

static void first_registered(void) {
    say("first registered\n");
}

static void last_registered(void) {
    say("last registered\n");
    exit(8);
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    atexit(first_registered);
    atexit(last_registered);
    SHOW_POINTER(mkdtemp(in_tmp("leak-XXXXXX")));
    printf("what stdio still holds\n");
    return 0;
}
