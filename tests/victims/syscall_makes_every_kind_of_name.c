// SPDX-License-Identifier: MIT
//
// syscall() with the numbers of all calls that make, move or remove a name, those without a directory among
// them, where there are such. O_CREAT alone makes nothing where something is.
//
// before: file {tmp}/theirs
// expect: error temp_dir path={tmp}/mkdir
// expect: error temp_file path={tmp}/open
// expect: error temp_file path={tmp}/creat
// expect: error temp_file path={tmp}/openat
// expect: error fifo path={tmp}/mknod
// expect: error fifo path={tmp}/mknodat
// expect: error link path={tmp}/symlink
// expect: error link path={tmp}/symlinkat
// expect: error link|temp_file path={tmp}/link
// expect: error link|temp_file path={tmp}/linkat
// expect: error temp_file path={tmp}/renamed
// expect: error temp_file path={tmp}/renamed-at
// status: 0
#include "victim.h"

#ifndef SYS_open
#define SYS_mkdir 0
#define SYS_mknod 0
#define SYS_symlink 0
#define SYS_link 0
#define SYS_open 0
#define SYS_creat 0
#define SYS_unlink 0
#define SYS_rmdir 0
#define SYS_rename 0
#endif

// The call without a directory, or where there is none the one with one, by the name `at`.
#define OLD(name, at, ...) \
    SHOW(SYS_##name != 0 ? syscall(SYS_##name, __VA_ARGS__) : syscall(SYS_##at, AT_FDCWD, __VA_ARGS__))

static void make_links(void) {
    if (SYS_symlink != 0) {
        SHOW(syscall(SYS_symlink, "x", in_tmp("symlink")));
        SHOW(syscall(SYS_link, in_tmp("theirs"), in_tmp("link")));
    } else {
        SHOW(syscall(SYS_symlinkat, "x", AT_FDCWD, in_tmp("symlink")));
        SHOW(syscall(SYS_linkat, AT_FDCWD, in_tmp("theirs"), AT_FDCWD, in_tmp("link"), 0));
    }
    SHOW(syscall(SYS_symlinkat, "x", AT_FDCWD, in_tmp("symlinkat")));
    SHOW(syscall(SYS_linkat, AT_FDCWD, in_tmp("theirs"), AT_FDCWD, in_tmp("linkat"), 0));
}

static void move(const char* from, const char* to) {
    SHOW(close(SHOW(creat(in_tmp(from), 0600))));
    SHOW(SYS_rename != 0 ? syscall(SYS_rename, in_tmp(from), in_tmp(to))
                         : syscall(SYS_renameat2, AT_FDCWD, in_tmp(from), AT_FDCWD, in_tmp(to), 0));
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    OLD(mkdir, mkdirat, in_tmp("mkdir"), 0700);
    SHOW(close(OLD(open, openat, in_tmp("open"), O_RDWR | O_CREAT, 0640)));
    SHOW(close(SYS_creat != 0 ? SHOW(syscall(SYS_creat, in_tmp("creat"), 0604))
                              : SHOW(creat(in_tmp("creat"), 0604))));
    SHOW(close(SHOW(syscall(SYS_openat, AT_FDCWD, in_tmp("openat"), O_WRONLY | O_CREAT | O_TRUNC, 0644))));
    OLD(mknod, mknodat, in_tmp("mknod"), S_IFIFO | 0600, 0);
    SHOW(syscall(SYS_mknodat, AT_FDCWD, in_tmp("mknodat"), S_IFIFO | 0600, 0));
    make_links();
    move("old", "renamed");
    SHOW(close(SHOW(creat(in_tmp("old"), 0600))));
    SHOW(syscall(SYS_renameat2, AT_FDCWD, in_tmp("old"), AT_FDCWD, in_tmp("renamed-at"), 0));

    OLD(mkdir, mkdirat, in_tmp("brief"), 0700);
    if (SYS_rmdir != 0)
        SHOW(syscall(SYS_rmdir, in_tmp("brief")));
    else
        SHOW(syscall(SYS_unlinkat, AT_FDCWD, in_tmp("brief"), AT_REMOVEDIR));
    SHOW(close(OLD(open, openat, in_tmp("brief"), O_RDWR | O_CREAT | O_EXCL, 0600)));
    SHOW(SYS_unlink != 0 ? syscall(SYS_unlink, in_tmp("brief")) : unlink(in_tmp("brief")));

    SHOW(close(OLD(open, openat, in_tmp("theirs"), O_RDWR | O_CREAT, 0600)));
    SHOW(close(SHOW(syscall(SYS_openat, AT_FDCWD, in_tmp("theirs"), O_RDWR | O_CREAT, 0600))));
    OLD(open, openat, in_tmp("theirs"), O_RDWR | O_CREAT | O_EXCL, 0600);
    OLD(open, openat, in_tmp("absent/file"), O_RDWR | O_CREAT, 0600);
    OLD(open, openat, (char*)8, O_RDWR | O_CREAT, 0600);
    OLD(mkdir, mkdirat, in_tmp("mkdir"), 0700);
    for (const char* const* name = (const char*[]){"open", "creat", "openat", NULL}; *name != NULL; ++name) {
        struct stat about;
        SHOW(stat(in_tmp(*name), &about));
        say("mode %o\n", (unsigned)about.st_mode);
    }
    return 0;
}
