// SPDX-License-Identifier: MIT
//
// A daemon that no hook sees, since it is linked statically: it keeps its environment, and has a listening
// port
// ($PORT of 127.0.0.1), and in $TMPDIR a directory with a listening socket in it. The first process ends when
// all that is there.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int serve(void) {
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in port = {.sin_family = AF_INET, .sin_port = htons((in_port_t)atoi(getenv("PORT")))};
    port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(local.sun_path, sizeof local.sun_path, "%s/static", getenv("TMPDIR"));
    if (mkdir(local.sun_path, 0700) != 0) return 1;
    snprintf(local.sun_path, sizeof local.sun_path, "%s/static/socket", getenv("TMPDIR"));
    int one = socket(AF_UNIX, SOCK_STREAM, 0), two = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(one, (struct sockaddr*)&local, sizeof local) != 0 || listen(one, 1) != 0) return 2;
    return bind(two, (struct sockaddr*)&port, sizeof port) != 0 || listen(two, 1) != 0 ? 3 : 0;
}

int main(void) {
    int ready[2];
    char byte = 0;
    if (getenv("PORT") == NULL || getenv("TMPDIR") == NULL || pipe(ready) != 0) return 4;
    if (fork() == 0) {
        setsid();
        if (fork() != 0) _exit(0);
        alarm(150);
        if (serve() != 0 || write(ready[1], "r", 1) != 1) _exit(5);
        close(ready[0]);
        close(ready[1]);
        for (;;)
            pause();
    }
    close(ready[1]);
    return read(ready[0], &byte, 1) == 1 ? 0 : 6;
}
