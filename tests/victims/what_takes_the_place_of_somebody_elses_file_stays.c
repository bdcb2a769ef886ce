// SPDX-License-Identifier: MIT
//
// An atomic write of what was there before (sed -i, os.replace): the new file bears somebody's name, and has
// to stay. So does what changes places with it.
//
// expect: nothing
// stays: {tmp}/written
// stays: {tmp}/written-at
// stays: {tmp}/written-by-number
// stays: {tmp}/exchanged
// stays: {tmp}/exchanged-too
// stays: {tmp}/directory
// stays: {tmp}/link
// status: 0
#include "victim.h"

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

static const char* theirs(const char* name) {
    SHOW(unseen_call(SYS_mknodat, AT_FDCWD, (long)in_tmp(name), S_IFREG | 0600));
    return in_tmp(name);
}

static const char* ours(const char* name) {
    SHOW(close(SHOW(creat(in_tmp(name), 0600))));
    return in_tmp(name);
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    char* file = in_tmp("written.XXXXXX");
    SHOW(close(SHOW(mkstemp(file))));
    SHOW(rename(file, theirs("written")));
    SHOW(renameat(AT_FDCWD, ours("new"), AT_FDCWD, theirs("written-at")));
    SHOW(syscall(SYS_renameat2, AT_FDCWD, ours("new"), AT_FDCWD, theirs("written-by-number"), 0));
    SHOW(renameat2(AT_FDCWD, ours("new"), AT_FDCWD, theirs("exchanged"), RENAME_EXCHANGE));
    SHOW(unlink(in_tmp("new")));
    SHOW(renameat2(AT_FDCWD, theirs("exchanged-too"), AT_FDCWD, ours("new"), RENAME_EXCHANGE));
    SHOW(unlink(in_tmp("new")));
    SHOW(unseen_call(SYS_mkdirat, AT_FDCWD, (long)in_tmp("directory"), 0700));
    SHOW(mkdir(in_tmp("new"), 0700));
    SHOW(rename(in_tmp("new"), in_tmp("directory")));
    SHOW(symlink("elsewhere", in_tmp("new")));
    SHOW(rename(in_tmp("new"), theirs("link")));
    return 0;
}
