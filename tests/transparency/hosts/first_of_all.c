// SPDX-License-Identifier: MIT
//
// Works before anybody: in a function of the preinit array, which runs before every constructor, libc's among
// them, when there is no environment yet. Then main shows what came of it.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

enum { STATUS = 7 };

static struct { int environment, made, again, error, socket, closed, child; } seen;

static void work_first(int argc, char** argv, char** environment) {
    (void)argv;
    char path[4096] = "";
    seen.environment = environ != NULL;
    for (char** entry = environment; argc > 0 && *entry != NULL; ++entry) {
        if (strncmp(*entry, "TMPDIR=", 7) == 0) strcat(strncat(path, *entry + 7, 4000), "/first");
    }
    seen.made = mkdir(path, 0700);
    seen.again = mkdir(path, 0700);
    seen.error = errno;
    seen.socket = socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
    seen.closed = close(open("/dev/null", O_RDONLY));
    pid_t pid = fork();
    if (pid == 0) _exit(5);
    int status = 0;
    seen.child = waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : -1;
}

__attribute__((section(".preinit_array"), used)) static void (*const first)(int, char**, char**) = work_first;

int main(void) {
    printf("environment %d, mkdir %d, again %d (%s), socket %d, close %d, child %d\n", seen.environment,
           seen.made, seen.again, strerror(seen.error), seen.socket, seen.closed, seen.child);
    return STATUS;
}
