// SPDX-License-Identifier: MIT
//
// Processes that do not want to end, bounded in number and time so that a failing test can't take the machine
// down: all end by themselves, but later than any test is patient. They hold a lock (flock) on FILE as long
// as one of them lives, since who hops from pid to pid is never met by a look through /proc; when they are
// what they shall be, something is written to it.
//
//     unruly bomb | supervisor | hopper FILE
//
// bomb        each of eight processes starts another when it is asked to end, and whenever one that it
//             started has died, until 120 have been started
// supervisor  deaf; restarts its worker, which restarts its own, whenever it ends
// hopper      goes on as another process every 3 ms, and at once on SIGTERM and SIGINT; a session of its own,
//             and orphaned each time. Ends when FILE is removed.
//
// The first process ends with status 5 when they run.
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kMost = 120, kFirst = 8, kLifetime = 150 };

static atomic_int* started;  // by all of them together
static int sign;

static void say_ready(void) {
    if (write(sign, "r", 1) != 1) _exit(4);
}

// False when there have been enough.
static int one_more(void) {
    return atomic_fetch_add(started, 1) < kMost;
}

static void breed(int number);

static void live(void) {
    alarm(kLifetime);
    signal(SIGTERM, breed);
    signal(SIGINT, breed);
    for (;;) {
        pid_t child = waitpid(-1, NULL, 0);
        if (child > 0 && one_more() && fork() == 0) alarm(kLifetime);
        if (child < 0) pause();
    }
}

static void breed(int number) {
    (void)number;
    sigset_t none;
    sigemptyset(&none);
    if (one_more() && fork() == 0) {
        sigprocmask(SIG_SETMASK, &none, NULL);
        setsid();
        live();
    }
    _exit(0);
}

static void bomb(void) {
    for (int i = 0; i < kFirst; i++) {
        if (one_more() && fork() == 0) live();
    }
    say_ready();
}

static void supervise(int depth) {
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    alarm(kLifetime);
    setsid();
    while (one_more()) {
        pid_t worker = fork();
        if (worker == 0 && depth == 0) {
            signal(SIGTERM, SIG_DFL);
            alarm(kLifetime);
            say_ready();
            for (;;)
                pause();
        }
        if (worker == 0) {
            depth--;
            alarm(kLifetime);
            setsid();
        } else {
            waitpid(worker, NULL, 0);
        }
    }
    _exit(0);
}

static void hop_now(int number) {
    (void)number;
    if (fork() != 0) _exit(0);
}

static void hop(void) {
    signal(SIGTERM, hop_now);
    signal(SIGINT, hop_now);
    setsid();
    say_ready();
    struct stat about;
    for (time_t end = time(NULL) + kLifetime; time(NULL) < end;) {
        if (fstat(sign, &about) != 0 || about.st_nlink == 0) break;
        usleep(3000);
        if (fork() != 0) _exit(0);
    }
    _exit(0);
}

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    sign = open(argv[2], O_CREAT | O_WRONLY | O_APPEND, 0600);
    if (flock(sign, LOCK_EX | LOCK_NB) != 0) return 4;
    started = mmap(NULL, sizeof *started, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (started == MAP_FAILED) return 3;
    if (strcmp(argv[1], "bomb") == 0)
        bomb();
    else if (fork() == 0)
        strcmp(argv[1], "hopper") == 0 ? hop() : supervise(2);
    struct stat about;
    while (fstat(sign, &about) == 0 && about.st_size == 0)
        usleep(1000);
    return 5;
}
