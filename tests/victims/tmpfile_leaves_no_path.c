// SPDX-License-Identifier: MIT
//
// A tmpfile has no name that could stay; its descriptor is closed by fclose, or is the one warning here.
//
// expect: warning file
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    FILE* brief = SHOW_POINTER(tmpfile());
    SHOW(fclose(brief));
    FILE* brief64 = SHOW_POINTER(tmpfile64());
    SHOW(fclose(brief64));
    FILE* kept = SHOW_POINTER(tmpfile());
    say("number %d\n", fileno(kept));
    return 0;
}
