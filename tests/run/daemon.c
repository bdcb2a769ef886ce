// SPDX-License-Identifier: MIT
//
// A daemon that nothing preloaded can see: linked statically, started by two forks, in a session of its own,
// with nothing in its environment. It makes a directory, a listening unix socket in it, and a file `ready`
// with its pid, all below the directory that it is given, and then waits to be killed.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char* no_environment[] = {NULL};

/// Executes itself with an empty environment: the one that /proc shows is that of the last exec.
static int start(char** arguments) {
    char* again[] = {arguments[0], arguments[1], "serve", NULL};
    if (fork() != 0) return 0;
    setsid();
    if (fork() != 0) _exit(0);
    execve(arguments[0], again, no_environment);
    _exit(3);
}

static int serve(const char* directory) {
    char path[108];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(path, sizeof path, "%s/static", directory);
    if (mkdir(path, 0700) != 0) return 4;
    snprintf(address.sun_path, sizeof address.sun_path, "%s/static/s", directory);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0 || listen(fd, 1) != 0) return 5;
    snprintf(path, sizeof path, "%s/ready.new", directory);
    FILE* ready = fopen(path, "w");
    if (ready == NULL) return 6;
    fprintf(ready, "%d\n", (int)getpid());
    fclose(ready);
    char name[108];
    snprintf(name, sizeof name, "%s/ready", directory);
    if (rename(path, name) != 0) return 7;
    for (;;)
        pause();
}

int main(int count, char** arguments) {
    if (count < 2) return 2;
    return count == 2 ? start(arguments) : serve(arguments[1]);
}
