// SPDX-License-Identifier: MIT
//
// A handler of SIGABRT that jumps out of abort(): the program is not over, and neither is the session. What
// it makes afterwards counts as what it made before.
//
// expect: error temp_dir path={tmp}/before-??????
// expect: error temp_dir path={tmp}/after-??????
// status: 0
#include <setjmp.h>
#include <signal.h>

#include "victim.h"

static sigjmp_buf back;

static void jump(int signal_number) {
    (void)signal_number;
    siglongjmp(back, 1);
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    signal(SIGABRT, jump);
    SHOW_POINTER(mkdtemp(in_tmp("before-XXXXXX")));
    if (sigsetjmp(back, 1) == 0) abort();
    SHOW_POINTER(mkdtemp(in_tmp("after-XXXXXX")));
    return 0;
}
