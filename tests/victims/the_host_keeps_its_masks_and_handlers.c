// SPDX-License-Identifier: MIT
//
// The shim installs no handler, blocks no signal and opens no descriptor that the program could see; the
// numbers that open gives out start where they always do.
//
// expect: nothing
// status: 0
#include <dirent.h>
#include <signal.h>

#include "victim.h"

int main(int argc, char** argv) {
    tag_of(argc, argv);
    sigset_t mask;
    SHOW(sigprocmask(SIG_SETMASK, NULL, &mask));
    for (int number = 1; number < NSIG; ++number) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) != 0) continue;
        if (action.sa_handler != SIG_DFL) say("signal %d is handled or ignored\n", number);
        if (sigismember(&mask, number) == 1) say("signal %d is blocked\n", number);
    }
    int open_numbers = 0;
    for (int fd = 0; fd < 4096; ++fd)
        open_numbers += fcntl(fd, F_GETFD) >= 0;
    say("%d descriptors\n", open_numbers);
    SHOW_PID(waitpid(-1, NULL, WNOHANG));
    DIR* tasks = opendir("/proc/self/task");
    int threads = 0;
    for (const struct dirent* entry = readdir(tasks); entry != NULL; entry = readdir(tasks))
        threads += entry->d_name[0] != '.';
    closedir(tasks);
    say("%d threads\n", threads);
    return 0;
}
