// SPDX-License-Identifier: MIT
//
// A timer's handler makes and removes things while the main program does the same: no deadlock, no lost
// errno, nothing left.
//
// expect: nothing
// status: 0
#include <signal.h>
#include <sys/time.h>

#include "victim.h"

static volatile sig_atomic_t runs;
static char directory[PATH_MAX];

static void handler(int signal_number) {
    (void)signal_number;
    const int before = errno;
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (mkdir(directory, 0700) == 0) rmdir(directory);
    if (fd >= 0) close(fd);
    errno = before;
    ++runs;
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    snprintf(directory, sizeof directory, "%s", in_tmp("in-handler"));
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    const struct itimerval often = {{0, 300}, {0, 300}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &often, NULL);
    const char* path = in_tmp("in-main");
    while (runs < 300) {
        const int fd = open(path, O_RDWR | O_CREAT, 0600);
        errno = ERANGE;
        if (fd < 0 || close(fd) != 0 || unlink(path) != 0) say("failed\n");
        if (errno != ERANGE) say("errno changed\n");
    }
    setitimer(ITIMER_REAL, &never, NULL);
    say("done\n");
    return 0;
}
