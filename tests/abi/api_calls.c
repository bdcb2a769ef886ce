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
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int unlikely_errno = 4095;
static int null_fd;

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

static void show_verdict(leakshim_scope scope) {
    struct leakshim_verdict verdict;
    struct leakshim_leak leak;
    unsigned long long cursor = 0;
    leak.site[0] = leak.test[0] = '\0';
    show("verdict", leakshim_scope_verdict(scope, LEAKSHIM_LINGER, &verdict));
    show("total", (int)verdict.total);
    show("directories", (int)verdict.by_kind[LEAKSHIM_TEMP_DIR]);
    show("the next leak", leakshim_scope_next(scope, &cursor, &leak));
    show("its site", strcmp(leak.site, "somewhere.c:12") == 0);
    show("its test", strcmp(leak.test, "the inner scope") == 0);
    show("the end of all leaks", leakshim_scope_next(scope, &cursor, &leak));
    show("report", leakshim_report(scope, null_fd));
    show("reap of nothing", leakshim_scope_reap(0));
}

static void show_scopes(void) {
    leakshim_scope outer = leakshim_scope_begin("the outer scope");
    mkdir(in_tmp("outer"), 0700);
    leakshim_scope inner = leakshim_scope_begin("the inner scope");
    errno = unlikely_errno;
    show("tokens differ", inner != outer);
    leakshim_annotate("somewhere.c:12", LEAKSHIM_BIT(LEAKSHIM_TEMP_DIR), 1);
    mkdir(in_tmp("inner"), 0700);
    errno = unlikely_errno;
    show_verdict(inner);
    show("enter", leakshim_scope_enter(outer) != 0);
    show("verdict of the outer scope", leakshim_scope_verdict(leakshim_scope_enter(inner), 0, 0));
    leakshim_scope_end(inner);
    leakshim_scope_end(outer);
    LEAKSHIM_HERE();
    mkdir(in_tmp("plain"), 0700);
    errno = unlikely_errno;
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

// Marked before it had time to say that it is there.
static void show_keep_of_the_newborn(void) {
    int ends[2];
    char byte;
    if (pipe(ends) != 0) exit(3);
    pid_t child = fork();
    if (child == 0) {
        close(ends[1]);
        _exit((int)read(ends[0], &byte, 1));
    }
    errno = unlikely_errno;
    show("keep_pid at once", leakshim_keep_pid(child));
    close(ends[0]);
    close(ends[1]);
    waitpid(child, 0, 0);
    errno = unlikely_errno;
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
    null_fd = open("/dev/null", O_WRONLY);
    errno = unlikely_errno;
    show("version", leakshim_version());
    show("active", leakshim_active());
    show_scopes();
    show_keep_of_the_newborn();
    show_keeps();
    return 0;
}
