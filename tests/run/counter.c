// SPDX-License-Identifier: MIT
//
// Writes a line for each signal that it gets to the file that it is given: its number, or for SIGRTMIN the
// value that came with it. SIGUSR2 ends it with status 0.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int log_fd;

static void say(const char* word, int number) {
    char line[64];
    int size = snprintf(line, sizeof line, "%s %d\n", word, number);
    if (write(log_fd, line, (size_t)size) != size) _exit(3);
}

static void note(int signal, siginfo_t* info, void* context) {
    (void)context;
    if (signal == SIGRTMIN)
        say("value", info->si_value.sival_int);
    else
        say("signal", signal);
    if (signal == SIGUSR2) _exit(0);
}

int main(int count, char** arguments) {
    if (count < 2) return 2;
    log_fd = open(arguments[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = note;
    action.sa_flags = SA_SIGINFO;
    int signals[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGABRT,  SIGUSR1, SIGUSR2,
                     SIGTERM, SIGALRM, SIGCONT, SIGWINCH, SIGRTMIN};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; ++i)
        sigaction(signals[i], &action, NULL);
    say("ready", (int)getpid());
    for (;;)
        pause();
}
