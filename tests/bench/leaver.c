// SPDX-License-Identifier: MIT
//
// Leaves COUNT things in $BENCH_DIR, and prints when it was done with that (CLOCK_MONOTONIC, in ns): from
// there to its death is what reaping them took.
//
//     leaver directories|sockets|trees COUNT
//
// A tree is a directory with three files and one empty directory in it.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void check(int result, const char* what) {
    if (result < 0) {
        perror(what);
        exit(3);
    }
}

static void leave_socket(const char* directory, int number) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.80s/%d", directory, number);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    check(bind(fd, (struct sockaddr*)&address, sizeof address), "bind");
    close(fd);
}

static void leave_tree(const char* top) {
    char path[600];
    for (int i = 0; i < 3; ++i) {
        snprintf(path, sizeof path, "%s/%d", top, i);
        int fd = open(path, O_CREAT | O_WRONLY, 0600);
        check(fd, "open");
        close(fd);
    }
    snprintf(path, sizeof path, "%s/below", top);
    check(mkdir(path, 0700), "mkdir");
}

int main(int count, char** arguments) {
    const char* directory = getenv("BENCH_DIR");
    if (count != 3 || directory == NULL) return 2;
    for (int i = 0; i < atoi(arguments[2]); ++i) {
        char path[512];
        snprintf(path, sizeof path, "%s/%d", directory, i);
        if (strcmp(arguments[1], "sockets") == 0) {
            leave_socket(directory, i);
            continue;
        }
        check(mkdir(path, 0700), "mkdir");
        if (strcmp(arguments[1], "trees") == 0) leave_tree(path);
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
    fflush(stdout);
    return 0;
}
