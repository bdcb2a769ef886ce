// SPDX-License-Identifier: MIT
//
// hopper FILE SECONDS: goes on under a new pid as fast as it can, without a library that a hook could be in,
// in a session of its own and orphaned each time. The first process ends with 0 at once. As long as one of
// them lives FILE is locked (flock), since who hops is hardly ever met in /proc. It ends when FILE is removed
// or its time is over.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

int main(int count, char** arguments) {
    int file = count == 3 ? open(arguments[1], O_WRONLY | O_CREAT, 0600) : -1;
    if (file < 0 || flock(file, LOCK_EX | LOCK_NB) != 0) return 2;
    time_t end = time(NULL) + atoi(arguments[2]);
    if (fork() != 0) return 0;
    setsid();
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    while (time(NULL) < end && access(arguments[1], F_OK) == 0) {
        if (fork() > 0) _exit(0);
    }
    return 0;
}
