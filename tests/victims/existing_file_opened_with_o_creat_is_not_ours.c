// SPDX-License-Identifier: MIT
//
// O_CREAT on something that is there creates nothing. Each call that could have made the file finds it
// instead. So does one that looks as if it would make a file, and never does: with O_PATH, and with a mode
// whose `x` comes later than glibc reads.
//
// before: file {tmp}/theirs
// expect: nothing
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(close(SHOW(open(in_tmp("theirs"), O_RDONLY | O_CREAT, 0600))));
    SHOW(close(SHOW(open64(in_tmp("theirs"), O_RDWR | O_CREAT, 0600))));
    SHOW(close(SHOW(openat(AT_FDCWD, in_tmp("theirs"), O_WRONLY | O_CREAT, 0600))));
    SHOW(open(in_tmp("theirs"), O_RDWR | O_CREAT | O_EXCL, 0600));
    FILE* stream = SHOW_POINTER(fopen(in_tmp("theirs"), "a"));
    SHOW(fclose(stream));
    SHOW(close(SHOW(open(in_tmp("theirs"), O_PATH | O_CREAT, 0600))));
    SHOW(close(SHOW(openat(AT_FDCWD, in_tmp("theirs"), O_PATH | O_CREAT | O_EXCL, 0600))));
    SHOW(close(SHOW(syscall(SYS_openat, AT_FDCWD, in_tmp("theirs"), O_PATH | O_CREAT | O_EXCL, 0600))));
    for (const char* const* mode = (const char*[]){"a+btttttt", "abbbbbb+", "abbbbbbx", "ab,ccs=UTF-8", NULL};
         *mode != NULL; ++mode) {
        FILE* odd = SHOW_POINTER(fopen(in_tmp("theirs"), *mode));
        say("may be read: %d\n", (fcntl(fileno(odd), F_GETFL) & O_ACCMODE) == O_RDWR);
        SHOW(fclose(odd));
    }
    SHOW(mkdir(in_tmp("theirs"), 0700));
    SHOW(mkfifo(in_tmp("theirs"), 0600));
    SHOW(symlink("elsewhere", in_tmp("theirs")));
    return 0;
}
