// SPDX-License-Identifier: MIT
//
// Starts a program many times, with one preload after the other in turn, and prints for each run how long it
// took to its main function, and from there to its death (ns):
//
//     spawner ROUNDS PROGRAM NAME=PRELOAD...      prints lines of `NAME start exit`
//
// NAME `joins` keeps LEAKSHIM_SESSION in the environment, every other name loses it. The spawner is linked
// statically: it is a child of a session, so that what it starts may join, and no preload is in its own way.
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char** environ;

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/// The environment but for LD_PRELOAD, which becomes `preload`, and LEAKSHIM_SESSION, which only stays for
/// who joins.
static char** environment_for(const char* preload, int joins) {
    static char* entries[4096];
    static char entry[4096];
    int count = 0;
    for (char** old = environ; *old != NULL && count < 4000; ++old) {
        if (strncmp(*old, "LD_PRELOAD=", 11) == 0) continue;
        if (!joins && strncmp(*old, "LEAKSHIM_SESSION=", 17) == 0) continue;
        entries[count++] = *old;
    }
    snprintf(entry, sizeof entry, "LD_PRELOAD=%s", preload);
    if (*preload != '\0') entries[count++] = entry;
    entries[count] = NULL;
    return entries;
}

static int run(const char* program, const char* name, const char* preload, int pipe_end) {
    char* arguments[] = {(char*)program, NULL};
    char** environment = environment_for(preload, strcmp(name, "joins") == 0);
    pid_t pid;
    int status = 0;
    long long started = now(), entered = 0;
    if (posix_spawn(&pid, program, NULL, NULL, arguments, environment) != 0) return 1;
    waitpid(pid, &status, 0);
    long long ended = now();
    if (status != 0 || read(pipe_end, &entered, sizeof entered) != (ssize_t)sizeof entered) return 1;
    printf("%s %lld %lld\n", name, entered - started, ended - entered);
    return 0;
}

int main(int count, char** arguments) {
    int ends[2];
    if (count < 4 || pipe2(ends, O_CLOEXEC) != 0) return 2;
    int reading = fcntl(ends[0], F_DUPFD_CLOEXEC, 10);
    int writing = fcntl(ends[1], F_DUPFD_CLOEXEC, 10);
    if (dup2(writing, 3) != 3) return 2;
    for (int round = 0; round < atoi(arguments[1]); ++round) {
        for (int i = 3; i < count; ++i) {
            char name[64];
            const char* preload = strchr(arguments[i], '=');
            if (preload == NULL) return 2;
            snprintf(name, sizeof name, "%.*s", (int)(preload - arguments[i]), arguments[i]);
            if (run(arguments[2], name, preload + 1, reading) != 0) return 3;
        }
    }
    return 0;
}
