// SPDX-License-Identifier: MIT
//
// A process that changes its user leaves the ledger; one that only says who it is already goes on in it.
//
// expect: error temp_dir path={tmp}/after-??????
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    const uid_t nobody = (uid_t)-1;
    SHOW(setuid(getuid()));
    SHOW(seteuid(geteuid()));
    SHOW(setreuid(nobody, nobody));
    SHOW(setresuid(nobody, geteuid(), nobody));
    SHOW(setuid(nobody));
    SHOW(seteuid(nobody));
    SHOW_POINTER(mkdtemp(in_tmp("after-XXXXXX")));
    return 0;
}
