// SPDX-License-Identifier: MIT
//
// A preload behind leakshim's: each call makes or renames what it is asked for, and then kills its process
// before anybody hears of it, when the name has `fatal` in it, or the key has a
// certain mark.
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void end_if_fatal(const char* name) {
    if (strstr(name, "fatal") != NULL) kill(getpid(), SIGKILL);
}

int mkdir(const char* path, mode_t mode) {
    int (*real)(const char*, mode_t) = dlsym(RTLD_NEXT, "mkdir");
    int answer = real(path, mode);
    end_if_fatal(path);
    return answer;
}

int rename(const char* from, const char* to) {
    int (*real)(const char*, const char*) = dlsym(RTLD_NEXT, "rename");
    int answer = real(from, to);
    end_if_fatal(to);
    return answer;
}

int bind(int fd, const struct sockaddr* address, socklen_t size) {
    int (*real)(int, const struct sockaddr*, socklen_t) = dlsym(RTLD_NEXT, "bind");
    int answer = real(fd, address, size);
    if (address->sa_family == AF_UNIX) end_if_fatal(((const struct sockaddr_un*)address)->sun_path);
    return answer;
}

int shm_open(const char* name, int flags, mode_t mode) {
    int (*real)(const char*, int, mode_t) = dlsym(RTLD_NEXT, "shm_open");
    int fd = real(name, flags, mode);
    end_if_fatal(name);
    return fd;
}

int semget(key_t key, int count, int flags) {
    int (*real)(key_t, int, int) = dlsym(RTLD_NEXT, "semget");
    int id = real(key, count, flags);
    if ((key >> 24) == 0x4f) kill(getpid(), SIGKILL);
    return id;
}
