// SPDX-License-Identifier: MIT
//
// RENAME_EXCHANGE: two names change places, and each record goes with its thing.
//
// expect: error temp_dir path={tmp}/file
// expect: error temp_file path={tmp}/directory
// expect: error temp_dir path={tmp}/file-2
// expect: error temp_file path={tmp}/directory-2
// status: 0
#include "victim.h"

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

static void make(const char* directory, const char* file) {
    SHOW(mkdir(in_tmp(directory), 0700));
    SHOW(close(SHOW(creat(in_tmp(file), 0600))));
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    make("directory", "file");
    SHOW(renameat2(AT_FDCWD, in_tmp("directory"), AT_FDCWD, in_tmp("file"), RENAME_EXCHANGE));
    make("directory-2", "file-2");
    SHOW(
        syscall(SYS_renameat2, AT_FDCWD, in_tmp("directory-2"), AT_FDCWD, in_tmp("file-2"), RENAME_EXCHANGE));
    // There and back: nothing is left but what is where it was.
    make("twice", "twice-too");
    SHOW(syscall(SYS_renameat2, AT_FDCWD, in_tmp("twice"), AT_FDCWD, in_tmp("twice-too"), RENAME_EXCHANGE));
    SHOW(renameat2(AT_FDCWD, in_tmp("twice-too"), AT_FDCWD, in_tmp("twice"), RENAME_EXCHANGE));
    SHOW(rmdir(in_tmp("twice")));
    SHOW(unlink(in_tmp("twice-too")));
    SHOW(renameat2(AT_FDCWD, in_tmp("absent"), AT_FDCWD, in_tmp("file"), RENAME_EXCHANGE));
    SHOW(syscall(SYS_renameat2, AT_FDCWD, in_tmp("file"), AT_FDCWD, in_tmp("absent"), RENAME_EXCHANGE));
    return 0;
}
