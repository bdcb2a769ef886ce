// SPDX-License-Identifier: MIT
//
// Names, addresses and environments at places that can't be read: the kernel answers EFAULT, and nobody who
// looks at them on the way may crash. Among them a name without an end, on the last readable page.
//
// expect: nothing
// status: 0
#include <spawn.h>

#include "victim.h"

static void refuse_names(const char* bad) {
    SHOW(mkdir(bad, 0700));
    SHOW(mkdirat(AT_FDCWD, bad, 0700));
    SHOW(open(bad, O_RDONLY));
    SHOW(open(bad, O_CREAT | O_RDWR, 0600));
    SHOW(open64(bad, O_CREAT | O_EXCL | O_RDWR, 0600));
    SHOW(openat(AT_FDCWD, bad, O_CREAT | O_RDWR, 0600));
    SHOW(creat(bad, 0600));
    SHOW_POINTER(fopen(bad, "w"));
    SHOW_POINTER(freopen(bad, "w", fopen("/dev/null", "r")));
    SHOW(mkfifo(bad, 0600));
    SHOW(mkfifoat(AT_FDCWD, bad, 0600));
    SHOW(mknod(bad, S_IFIFO | 0600, 0));
    SHOW(mknodat(AT_FDCWD, bad, S_IFIFO | 0600, 0));
    SHOW(symlink("target", bad));
    SHOW(symlinkat("target", AT_FDCWD, bad));
    SHOW(symlink(bad, in_tmp("link")));
    SHOW(link(in_tmp("made"), bad));
    SHOW(linkat(AT_FDCWD, bad, AT_FDCWD, in_tmp("link"), 0));
    SHOW(rename(in_tmp("made"), bad));
    SHOW(rename(bad, in_tmp("made")));
    SHOW(renameat(AT_FDCWD, bad, AT_FDCWD, bad));
    SHOW(renameat2(AT_FDCWD, in_tmp("made"), AT_FDCWD, bad, 2));
    SHOW(unlink(bad));
    SHOW(unlinkat(AT_FDCWD, bad, AT_REMOVEDIR));
    SHOW(rmdir(bad));
    SHOW(remove(bad));
    SHOW(memfd_create(bad, 0));
    SHOW(syscall(SYS_mkdirat, AT_FDCWD, bad, 0700));
    SHOW(syscall(SYS_unlinkat, AT_FDCWD, bad, 0));
}

static void refuse_programs(const char* bad) {
    char* const arguments[] = {"true", NULL};
    char* const with_bad_entry[] = {"PATH=/bin", (char*)bad, NULL};
    SHOW(execve(bad, arguments, environ));
    SHOW(execv(bad, arguments));
    SHOW(execl(bad, "true", NULL));
    SHOW(execveat(AT_FDCWD, bad, arguments, environ, 0));
    SHOW(execve("/bin/true", arguments, (char* const*)bad));
    SHOW(execve("/bin/true", arguments, with_bad_entry));
    pid_t pid = -7;
    SHOW_ERROR(posix_spawn(&pid, bad, NULL, NULL, arguments, environ));
    SHOW_ERROR(posix_spawn(&pid, "/bin/true", NULL, NULL, arguments, (char* const*)bad));
}

static void refuse_addresses(void* bad) {
    const int fd = SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(bind(fd, bad, sizeof(struct sockaddr_un)));
    SHOW(connect(fd, bad, sizeof(struct sockaddr_un)));
    SHOW(close(fd));
    SHOW(pipe(bad));
    SHOW(pipe2(bad, O_CLOEXEC));
    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, bad));
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    char* pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(pages, 'n', 4096);
    mprotect(pages + 4096, 4096, PROT_NONE);
    // The hooks that look names up do so only once there is a record.
    SHOW(mkdir(in_tmp("made"), 0700));
    char* volatile nowhere[] = {(char*)8,     (char*)70000, (char*)-1, (char*)0x7ffffffff000,
                                pages + 4096, pages + 4000};
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; ++i) {
        say("pointer %zu\n", i);
        pages[4000] = '/';
        refuse_names(nowhere[i]);
        pages[4000] = 'n';
        refuse_names(nowhere[i]);
        refuse_programs(nowhere[i]);
        if (nowhere[i] != pages + 4000) refuse_addresses(nowhere[i]);
    }
    SHOW(rmdir(in_tmp("made")));
    return 0;
}
