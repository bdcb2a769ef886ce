// SPDX-License-Identifier: MIT
//
// A program that does much and leaves nothing: not a byte more on its output, whatever its status.
//
// expect: nothing
// status: 17
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    char* path = in_tmp("work-XXXXXX");
    SHOW_POINTER(mkdtemp(path));
    SHOW(close(SHOW(socket(AF_UNIX, SOCK_STREAM, 0))));
    SHOW(system("exit 0"));
    SHOW(rmdir(path));
    fprintf(stderr, "a line of the program's own\n");
    printf("what stdio still holds\n");
    return 17;
}
