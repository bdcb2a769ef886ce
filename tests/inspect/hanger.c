/* SPDX-License-Identifier: MIT
 *
 * A program that hangs in the way that its first argument names, until whom it waits for is killed. It says
 * "before" on standard error when it is about to hang, and "after" when it goes on.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t the_lock = PTHREAD_MUTEX_INITIALIZER;
static int ready[2];

static void say(const char* word) {
    if (write(2, word, strlen(word)) < 0) _exit(9);
}

static void tell(void) {
    if (write(ready[1], "x", 1) != 1) _exit(9);
}

static void hear(void) {
    char byte;
    if (read(ready[0], &byte, 1) != 1) _exit(9);
}

static void wait_for_ever(void) {
    for (;;)
        pause();
}

void* stuck_worker(void* holds_lock) {
    prctl(PR_SET_NAME, "stuck-worker");
    if (holds_lock != NULL) pthread_mutex_lock(&the_lock);
    tell();
    wait_for_ever();
    return NULL;
}

static void hang_on_thread(int by_lock) {
    pthread_t thread;
    pthread_create(&thread, NULL, stuck_worker, by_lock ? &the_lock : NULL);
    hear();
    say("before\n");
    if (by_lock)
        pthread_mutex_lock(&the_lock);
    else
        pthread_join(thread, NULL);
}

/* In the child: nothing of the parent's pipes but `kept` stays open. */
static void be_child(int kept, int stops) {
    for (int fd = 3; fd < 20; ++fd) {
        if (fd != kept) close(fd);
    }
    if (stops) raise(SIGSTOP);
    wait_for_ever();
}

static pid_t start_child(int kept, int stops) {
    pid_t child = fork();
    if (child == 0) be_child(kept, stops);
    return child;
}

static void hang_on_child(int stops) {
    start_child(-1, stops);
    say("before\n");
    while (wait(NULL) > 0) {
    }
}

static void hang_on_descriptor(const char* way) {
    int ends[2];
    char byte;
    if (strcmp(way, "socket") == 0 ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends)) _exit(9);
    start_child(ends[1], 0);
    close(ends[1]);
    say("before\n");
    struct pollfd wanted = {ends[0], POLLIN, 0};
    if (strcmp(way, "poll") == 0) poll(&wanted, 1, -1);
    if (read(ends[0], &byte, 1) < 0) _exit(9);
}

/* Standard error becomes a file of data. */
static void hang_redirected(const char* path) {
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    dup2(fd, 2);
    close(fd);
    hang_on_child(0);
}

/* Works, in a child, for so many milliseconds of processor time. */
static void work(long milliseconds) {
    if (fork() == 0) {
        while (clock() < milliseconds * (CLOCKS_PER_SEC / 1000)) {
        }
        _exit(0);
    }
    wait(NULL);
}

int main(int count, char** arguments) {
    const char* way = count > 1 ? arguments[1] : "";
    if (pipe(ready) != 0) return 9;
    if (strcmp(way, "thread") == 0) hang_on_thread(0);
    if (strcmp(way, "lock") == 0) hang_on_thread(1);
    if (strcmp(way, "child") == 0) hang_on_child(0);
    if (strcmp(way, "stopped") == 0) hang_on_child(1);
    if (strcmp(way, "pipe") == 0 || strcmp(way, "poll") == 0 || strcmp(way, "socket") == 0)
        hang_on_descriptor(way);
    if (strcmp(way, "redirected") == 0) hang_redirected(arguments[2]);
    if (strcmp(way, "works") == 0) work(atol(arguments[2]));
    say("after\n");
    return 0;
}
