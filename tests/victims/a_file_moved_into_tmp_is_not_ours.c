// SPDX-License-Identifier: MIT
//
// Somebody's file from outside, moved under a temp root: the run did not make it, so nobody may remove it.
//
// before: file {cwd}/precious
// moved: {cwd}/precious {tmp}/parked
// expect: nothing
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(rename("precious", in_tmp("parked")));
    SHOW(rename("precious", in_tmp("parked")));
    return 0;
}
