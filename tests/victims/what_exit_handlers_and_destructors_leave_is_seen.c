// SPDX-License-Identifier: MIT
//
// The session ends after every handler and destructor of the program: what they remove is no leak, what they
// make is.
//
// expect: error temp_dir path={tmp}/from-a-handler
// expect: error temp_dir path={tmp}/from-a-destructor
// status: 0
#include "victim.h"

static char removed_in_handler[PATH_MAX];
static char removed_in_destructor[PATH_MAX];

static void handler(void) {
    SHOW(mkdir(in_tmp("from-a-handler"), 0700));
    SHOW(rmdir(removed_in_handler));
}

__attribute__((destructor)) static void destructor(void) {
    if (removed_in_destructor[0] == '\0') return;
    SHOW(mkdir(in_tmp("from-a-destructor"), 0700));
    SHOW(rmdir(removed_in_destructor));
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    snprintf(removed_in_handler, sizeof removed_in_handler, "%s", in_tmp("one"));
    snprintf(removed_in_destructor, sizeof removed_in_destructor, "%s", in_tmp("two"));
    SHOW(mkdir(removed_in_handler, 0700));
    SHOW(mkdir(removed_in_destructor, 0700));
    atexit(handler);
    return 0;
}
