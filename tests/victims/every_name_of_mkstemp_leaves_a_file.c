// SPDX-License-Identifier: MIT
//
// mkstemp, mkostemp, mkstemps and mkostemps, with their 64-bit twins: the descriptors are closed, the files
// stay.
//
// expect: error temp_file path={tmp}/a-??????
// expect: error temp_file path={tmp}/b-??????
// expect: error temp_file path={tmp}/c-??????.txt
// expect: error temp_file path={tmp}/d-??????.txt
// expect: error temp_file path={tmp}/e-??????
// expect: error temp_file path={tmp}/f-??????
// expect: error temp_file path={tmp}/g-??????.txt
// expect: error temp_file path={tmp}/h-??????.txt
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(close(SHOW(mkstemp(in_tmp("a-XXXXXX")))));
    SHOW(close(SHOW(mkostemp(in_tmp("b-XXXXXX"), O_CLOEXEC))));
    SHOW(close(SHOW(mkstemps(in_tmp("c-XXXXXX.txt"), 4))));
    SHOW(close(SHOW(mkostemps(in_tmp("d-XXXXXX.txt"), 4, O_APPEND))));
    SHOW(close(SHOW(mkstemp64(in_tmp("e-XXXXXX")))));
    SHOW(close(SHOW(mkostemp64(in_tmp("f-XXXXXX"), O_CLOEXEC))));
    SHOW(close(SHOW(mkstemps64(in_tmp("g-XXXXXX.txt"), 4))));
    SHOW(close(SHOW(mkostemps64(in_tmp("h-XXXXXX.txt"), 4, O_APPEND))));
    return 0;
}
