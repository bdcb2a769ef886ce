// SPDX-License-Identifier: MIT
//
// system() runs a shell from inside libc. What the shell leaves in the background and on disk is the run's.
//
// expect: error process
// expect: error temp_dir path={tmp}/from-a-shell
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(system("exit 3"));
    SHOW(system("mkdir \"$TMPDIR/from-a-shell\""));
    SHOW(system("sleep 120 > /dev/null 2>&1 &"));
    SHOW(system("kill -TERM $$"));
    SHOW(system("no-such-program-anywhere 2> /dev/null"));
    SHOW(system(NULL));
    return 0;
}
