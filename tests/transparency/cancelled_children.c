// SPDX-License-Identifier: MIT
//
// Threads that are cancelled in the two cancellation points that start processes, system(3) and forkpty(3):
// before there is a child, and after.
//
//     cancelled_children WAY
//
// Waits for what it has started, prints what came of the thread, and ends with 0.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int ends[2];  // of a pipe, by which a command says that it runs
static pid_t parent;

static void have_it_pending(void) {
    pthread_cancel(pthread_self());
}

static void have_it_pending_in_the_parent_alone(void) {
    if (getpid() == parent) have_it_pending();
}

// libc kills the shell as soon as it is there: it never comes to its first instruction.
static void* in_system_at_once(void* unused) {
    have_it_pending();
    system("exec sleep 100");
    return unused;
}

static void* in_system_that_waits(void* command) {
    system(command);
    return command;
}

// No cancellation here: libc starts a shell to see whether it can.
static void* in_no_command_at_all(void* unused) {
    if (system(NULL) == 0) abort();
    return unused;
}

static void open_and_fork(void) {
    int master = -1;
    if (forkpty(&master, NULL, NULL, NULL) == 0) _exit(0);
}

static void* in_forkpty_before_the_fork(void* unused) {
    have_it_pending();
    open_and_fork();
    return unused;
}

static void* in_forkpty_after_the_fork(void* unused) {
    pthread_atfork(NULL, have_it_pending_in_the_parent_alone, NULL);
    open_and_fork();
    return unused;
}

// The child is of one thread, and ends with it.
static void* in_forkpty_on_both_sides(void* unused) {
    pthread_atfork(have_it_pending, NULL, NULL);
    open_and_fork();
    return unused;
}

static void await_the_command(void) {
    char byte;
    while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
        continue;
}

int main(int argc, char** argv) {
    static const struct {
        const char* name;
        void* (*start)(void*);
    } ways[] = {
        {"system-at-once", in_system_at_once},
        {"system-that-waits", in_system_that_waits},
        {"system-without-a-command", in_no_command_at_all},
        {"forkpty-before-the-fork", in_forkpty_before_the_fork},
        {"forkpty-after-the-fork", in_forkpty_after_the_fork},
        {"forkpty-on-both-sides", in_forkpty_on_both_sides},
    };
    char command[64] = "";
    alarm(60);
    parent = getpid();
    for (size_t i = 0; argc == 2 && i < sizeof ways / sizeof *ways; ++i) {
        if (strcmp(argv[1], ways[i].name) != 0) continue;
        if (pipe2(ends, 0) != 0) return 90;
        snprintf(command, sizeof command, "echo >&%d; exec sleep 100", ends[1]);
        pthread_t thread;
        void* value = NULL;
        if (pthread_create(&thread, NULL, ways[i].start, command) != 0) return 91;
        if (ways[i].start == in_system_that_waits) {
            await_the_command();
            pthread_cancel(thread);
        }
        pthread_join(thread, &value);
        int status = 0, children = 0;
        while (waitpid(-1, &status, 0) > 0)
            ++children;
        printf("%s, %d left to be waited for\n", value == PTHREAD_CANCELED ? "cancelled" : "returned",
               children);
        return 0;
    }
    return 2;
}
