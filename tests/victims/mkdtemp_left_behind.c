// SPDX-License-Identifier: MIT
//
// The plainest leak of all; templates that mkdtemp refuses make nothing.
//
// expect: error temp_dir path={tmp}/leak-??????
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW_POINTER(mkdtemp(in_tmp("leak-XXXXXX")));
    SHOW_POINTER(mkdtemp(in_tmp("leak-XXXX")));
    SHOW_POINTER(mkdtemp(in_tmp("absent/leak-XXXXXX")));
    return 0;
}
