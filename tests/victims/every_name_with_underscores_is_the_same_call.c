// SPDX-License-Identifier: MIT
//
// The second names that libc exports for its calls, with underscores in front, as old and odd programs import
// them. What one name opens another closes.
//
// before: file {cwd}/input
// expect: warning file
// expect: warning pipe
// status: 0
#include "victim.h"

#pragma GCC diagnostic ignored "-Wredundant-decls"
extern int __close(int fd);
extern int __dup2(int from, int to);
extern int __fcntl(int fd, int command, ...);
extern int __pipe(int ends[2]);
extern int __open(const char* path, int flags, ...);
extern int __open64(const char* path, int flags, ...);
extern int __open_2(const char* path, int flags);
extern int __open64_2(const char* path, int flags);
extern int __openat_2(int directory, const char* path, int flags);
extern int __openat64_2(int directory, const char* path, int flags);
extern int __connect(int fd, const struct sockaddr* address, socklen_t length);
extern pid_t __fork(void);
extern pid_t __waitpid(pid_t pid, int* status, int options);
extern FILE* _IO_popen(const char* command, const char* mode);

int main(int argc, char** argv) {
    tag_of(argc, argv);
    int ends[2] = {-1, -1};
    SHOW(__close(SHOW(__open("input", O_RDONLY))));
    SHOW(close(SHOW(__open64("input", O_RDONLY))));
    SHOW(__close(SHOW(__open_2("input", O_RDONLY))));
    SHOW(close(SHOW(__open64_2("input", O_RDONLY))));
    SHOW(close(SHOW(__openat_2(AT_FDCWD, "input", O_RDONLY))));
    SHOW(__openat64_2(AT_FDCWD, "input", O_RDONLY));
    SHOW(__pipe(ends));
    SHOW(__dup2(ends[1], 50));
    SHOW(__close(SHOW(__fcntl(50, F_DUPFD_CLOEXEC, 60))));
    SHOW(__close(ends[0]));
    SHOW(__close(ends[1]));

    SHOW(__open("absent", O_RDONLY));
    SHOW(__open64_2("absent", O_RDONLY));
    SHOW(__openat_2(-1, "absent", O_RDONLY));
    SHOW(__close(-1));
    SHOW(__dup2(-1, 3));
    SHOW(__fcntl(-1, F_DUPFD, 3));
    SHOW(__connect(-1, NULL, 0));
    const pid_t child = __fork();
    if (child == 0) _exit(4);
    int status = 0;
    SHOW_PID(__waitpid(child, &status, 0));
    say("ended with %d\n", WEXITSTATUS(status));
    FILE* command = SHOW_POINTER(_IO_popen("exit 3", "r"));
    SHOW(pclose(command));
    return 0;
}
