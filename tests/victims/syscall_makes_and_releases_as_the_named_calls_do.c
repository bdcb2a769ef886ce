// SPDX-License-Identifier: MIT
//
// syscall() with the numbers of the hooked calls: what is closed or removed is gone, what is left is
// recorded, what fails sets errno.
//
// expect: error temp_dir path={tmp}/leak
// expect: error temp_file path={tmp}/leak-file
// expect: warning socket
// expect: warning memfd
// status: 0
#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    int ends[2];
    SHOW(syscall(SYS_mkdirat, AT_FDCWD, in_tmp("leak"), 0700));
    SHOW(syscall(SYS_mkdirat, AT_FDCWD, in_tmp("brief"), 0700));
    SHOW(syscall(SYS_unlinkat, AT_FDCWD, in_tmp("brief"), AT_REMOVEDIR));
    const int file = SHOW(syscall(SYS_openat, AT_FDCWD, in_tmp("old"), O_RDWR | O_CREAT | O_EXCL, 0600));
    SHOW(syscall(SYS_close, file));
    SHOW(syscall(SYS_renameat2, AT_FDCWD, in_tmp("old"), AT_FDCWD, in_tmp("leak-file"), 0));
    const int closed = SHOW(syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0));
    SHOW(syscall(SYS_pipe2, ends, O_CLOEXEC));
    SHOW(syscall(SYS_dup3, closed, ends[0], 0));
    SHOW(syscall(SYS_close_range, closed, ends[1], 0));
    SHOW(syscall(SYS_socket, AF_UNIX, SOCK_DGRAM, 0));
    SHOW(syscall(SYS_memfd_create, "leak", 0));
    SHOW(syscall(SYS_mkdirat, AT_FDCWD, in_tmp("leak"), 0700));
    SHOW(syscall(SYS_unlinkat, AT_FDCWD, in_tmp("brief"), 0));
    SHOW(syscall(SYS_close, -1));
    SHOW(syscall(SYS_socket, 9999, SOCK_STREAM, 0));
    SHOW(syscall(100000));
    say("six arguments arrive: %s\n",
        syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != -1 ? "yes" : "no");
    return 0;
}
