// SPDX-License-Identifier: MIT
//
// A process that behaves as its arguments say, for the tests of the reaper: it knows nothing of leakshim.
// Every mode says `ready` (one byte on descriptor 3, which it then closes) once it is what it shall be, and
// ends after a minute whatever happens, so that a failing test leaves nothing for long.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void ready(void) {
    if (write(3, "r", 1) < 0) _exit(3);
    close(3);
}

static void stay(void) {
    alarm(60);  // a forked child has no alarm of its parent's
    for (;;)
        pause();
}

static void leave(int signal) {
    (void)signal;
    _exit(0);
}

static void shrug(int signal) {
    (void)signal;
}

static void* linger(void* unused) {
    (void)unused;
    stay();
    return NULL;
}

static void listen_on_a_port(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0 || listen(fd, 1) != 0) _exit(4);
}

static void listen_on_a_file(const char* path) {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0 || listen(fd, 1) != 0) _exit(4);
}

// The same by a relative name, for which it goes there and away again.
static void listen_on_a_relative_file(char* path) {
    char* name = strrchr(path, '/');
    *name = '\0';
    if (chdir(path) != 0) _exit(4);
    listen_on_a_file(name + 1);
    if (chdir("/") != 0) _exit(4);
}

// Restarts its worker whenever that ends.
static void supervise(void) {
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    for (int first = 1;; first = 0) {
        pid_t worker = fork();
        if (worker == 0) stay();
        if (first) ready();
        waitpid(worker, NULL, 0);
    }
}

// Goes on as another process every few milliseconds, and at once when it is asked to end.
static void hop_now(int signal) {
    (void)signal;
    if (fork() != 0) _exit(0);
}

static void hop(void) {
    signal(SIGTERM, hop_now);
    signal(SIGINT, hop_now);
    ready();
    time_t end = time(NULL) + 30;
    while (time(NULL) < end) {
        usleep(3000);
        if (fork() != 0) _exit(0);
    }
    _exit(0);
}

// Starts `count` processes that stay, and stays.
static void breed(int count) {
    for (int i = 0; i < count; i++) {
        if (fork() == 0) stay();
    }
    ready();
    stay();
}

// Stays, after it started a process whose environment is `variable`.
static void serve(char* self, char* variable) {
    char *words[] = {self, "stay", NULL}, *environment[] = {variable, NULL};
    if (fork() == 0) {
        execve(self, words, environment);
        _exit(6);
    }
    close(3);
    stay();
}

// Maps a file, forgets its descriptor, and stays.
static void map(const char* path) {
    int fd = open(path, O_RDWR);
    if (fd < 0 || mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED) _exit(4);
    close(fd);
}

static int command(int argc, char** argv) {
    const char* mode = argv[1];
    const char* argument = argc > 2 ? argv[2] : "";
    if (strcmp(mode, "stay") == 0) return 0;
    if (strcmp(mode, "deaf") == 0) return signal(SIGTERM, SIG_IGN), signal(SIGINT, SIG_IGN), 0;
    if (strcmp(mode, "hears-int") == 0) return signal(SIGINT, leave), signal(SIGTERM, SIG_IGN), 0;
    if (strcmp(mode, "hears-term") == 0) return signal(SIGTERM, leave), signal(SIGINT, SIG_IGN), 0;
    if (strcmp(mode, "shrugs") == 0) return signal(SIGINT, shrug), signal(SIGTERM, shrug), 0;
    if (strcmp(mode, "in") == 0) return chdir(argument);
    if (strcmp(mode, "open") == 0) return open(argument, O_RDONLY) < 0;
    if (strcmp(mode, "map") == 0) return map(argument), 0;
    if (strcmp(mode, "port") == 0) return listen_on_a_port(), 0;
    if (strcmp(mode, "relative-socket") == 0) return listen_on_a_relative_file(argv[2]), 0;
    if (strcmp(mode, "socket") == 0) return listen_on_a_file(argument), 0;
    return 5;
}

// actor MODE [ARGUMENT]; `actor orphan MODE …` and `actor parent MODE …` start another actor, which gets
// descriptor 3, and end or stay.
int main(int argc, char** argv) {
    alarm(60);
    if (argc < 2) return 2;
    if (strcmp(argv[1], "orphan") == 0 || strcmp(argv[1], "parent") == 0) {
        if (fork() == 0) {
            setsid();
            argv[1] = argv[0];
            execv(argv[0], argv + 1);
            _exit(6);
        }
        if (strcmp(argv[1], "parent") == 0) stay();
        return 0;
    }
    if (strcmp(argv[1], "supervise") == 0) supervise();
    if (strcmp(argv[1], "hop") == 0) hop();
    if (strcmp(argv[1], "breed") == 0) breed(atoi(argv[2]));
    if (strcmp(argv[1], "serve") == 0) serve(argv[0], argv[2]);
    if (strcmp(argv[1], "headless") == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, linger, NULL);
        ready();
        pthread_exit(NULL);
    }
    if (strcmp(argv[1], "until-eof") == 0) {
        char byte;
        ready();
        return (int)read(4, &byte, 1);
    }
    if (command(argc, argv) != 0) return 5;
    ready();
    stay();
}
