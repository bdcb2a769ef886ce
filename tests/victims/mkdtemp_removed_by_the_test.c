// SPDX-License-Identifier: MIT
//
// Made and removed: nothing to say, however often, and a second removal fails as it should.
//
// expect: nothing
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    for (int round = 0; round < 3; ++round) {
        char* path = in_tmp("brief-XXXXXX");
        SHOW_POINTER(mkdtemp(path));
        SHOW(rmdir(path));
        SHOW(rmdir(path));
    }
    return 0;
}
