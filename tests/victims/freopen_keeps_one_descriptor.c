// SPDX-License-Identifier: MIT
//
// freopen closes one file and opens another, as a rule under the same number; when it fails the stream is
// closed.
//
// before: file {cwd}/input
// before: file {cwd}/other
// expect: warning file
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    FILE* stream = SHOW_POINTER(fopen("input", "r"));
    SHOW_POINTER(freopen("other", "r", stream));
    say("number %d\n", fileno(stream));
    SHOW_POINTER(freopen64("input", "r", stream));
    say("number %d\n", fileno(stream));
    FILE* failing = SHOW_POINTER(fopen("other", "r"));
    SHOW_POINTER(freopen("absent", "r", failing));
    FILE* failing64 = SHOW_POINTER(fopen("other", "r"));
    SHOW_POINTER(freopen64("absent", "r", failing64));
    return 0;
}
