// SPDX-License-Identifier: MIT
//
// Templates without six X, or in a directory that is not there: no file, no descriptor, no record.
//
// expect: nothing
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(mkstemp(in_tmp("a-XXXXX")));
    SHOW(mkostemp(in_tmp("absent/b-XXXXXX"), O_CLOEXEC));
    SHOW(mkstemps(in_tmp("c-XXXXXX.txt"), 3));
    SHOW(mkostemps(in_tmp("absent/d-XXXXXX.txt"), 4, 0));
    SHOW(mkstemp64(in_tmp("absent/e-XXXXXX")));
    SHOW(mkostemp64(in_tmp("f"), O_CLOEXEC));
    SHOW(mkstemps64(in_tmp("absent/g-XXXXXX.txt"), 4));
    SHOW(mkostemps64(in_tmp("h-XXXXXX.txt"), 0, 0));
    return 0;
}
