// SPDX-License-Identifier: MIT
//
// Calls each function of leakshim.h once and prints what it returns, one to a line. Compiled as C and as C++.
//
// Makes $TMPDIR/{outer,inner,kept,plain}, and leaves a child that waits for a signal.
//
// errno must be left alone by every call: a line that begins with "errno" says where it was not.
#include "leakshim.h"  // first: it stands alone

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int unlikely_errno = 4095;

static void show(const char* what, int value) {
    if (errno != unlikely_errno) printf("errno after %s\n", what);
    errno = 0;
    printf("%s %d\n", what, value);
    errno = unlikely_errno;
}

static const char* in_tmp(const char* name) {
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("TMPDIR"), name);
    return path;
}

static void show_scopes(void) {
    unsigned outer = leakshim_scope_begin("the outer scope");
    mkdir(in_tmp("outer"), 0700);
    unsigned inner = leakshim_scope_begin("the inner scope");
    errno = unlikely_errno;
    show("tokens differ", inner != outer);
    mkdir(in_tmp("inner"), 0700);
    leakshim_scope_end(inner);
    leakshim_scope_end(outer);
    mkdir(in_tmp("plain"), 0700);
}

// A child that is up: it has said so.
static pid_t start_child(void) {
    int ends[2];
    char byte;
    if (pipe(ends) != 0) exit(3);
    pid_t child = fork();
    if (child == 0) {
        if (write(ends[1], "", 1) == 1) pause();
        _exit(0);
    }
    if (read(ends[0], &byte, 1) != 1) exit(3);
    close(ends[0]);
    close(ends[1]);
    return child;
}

static void show_keeps(void) {
    mkdir(in_tmp("kept"), 0700);
    int fd = open(in_tmp("file"), O_CREAT | O_RDWR, 0600);
    pid_t child = start_child();
    errno = unlikely_errno;
    show("keep_path", leakshim_keep_path(in_tmp("kept")));
    show("keep_path of nothing", leakshim_keep_path(in_tmp("nothing")));
    show("keep_path of no name", leakshim_keep_path(""));
    show("keep_path of no text", leakshim_keep_path(0));
    show("keep_fd", leakshim_keep_fd(fd));
    show("keep_fd of nothing", leakshim_keep_fd(fd + 100));
    show("keep_fd of -1", leakshim_keep_fd(-1));
    show("keep_pid", leakshim_keep_pid(child));
    show("keep_pid of nothing", leakshim_keep_pid(0));
    close(fd);
    unlink(in_tmp("file"));
}

int main(void) {
    errno = unlikely_errno;
    show("version", leakshim_version());
    show("active", leakshim_active());
    show_scopes();
    show_keeps();
    return 0;
}
