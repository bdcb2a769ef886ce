// SPDX-License-Identifier: MIT
//
// The floor: a preload that stands before the same functions and only passes each call on. What it costs, no
// shim can avoid.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#define FORWARD(type, name, parameters, arguments) \
    static type(*real_##name) parameters;          \
    type name parameters {                         \
        return real_##name arguments;              \
    }

#define NAMES(X)      \
    X(dup)            \
    X(close)          \
    X(open)           \
    X(socket)         \
    X(connect)        \
    X(accept)         \
    X(mkdtemp)        \
    X(rmdir)          \
    X(mkstemp)        \
    X(unlink)         \
    X(fork)           \
    X(waitpid)        \
    X(pthread_create) \
    X(pthread_join)

FORWARD(int, dup, (int fd), (fd))
FORWARD(int, close, (int fd), (fd))
FORWARD(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
FORWARD(int, connect, (int fd, const struct sockaddr* to, socklen_t size), (fd, to, size))
FORWARD(int, accept, (int fd, struct sockaddr* from, socklen_t* size), (fd, from, size))
FORWARD(char*, mkdtemp, (char* name), (name))
FORWARD(int, rmdir, (const char* path), (path))
FORWARD(int, mkstemp, (char* name), (name))
FORWARD(int, unlink, (const char* path), (path))
FORWARD(pid_t, fork, (void), ())
FORWARD(pid_t, waitpid, (pid_t pid, int* status, int options), (pid, status, options))
FORWARD(int, pthread_create,
        (pthread_t * thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument),
        (thread, attributes, start, argument))
FORWARD(int, pthread_join, (pthread_t thread, void** value), (thread, value))

static int (*real_open)(const char* path, int flags, ...);

int open(const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return real_open(path, flags, mode);
}

__attribute__((constructor)) static void find_all(void) {
#define FIND(name) *(void**)&real_##name = dlsym(RTLD_NEXT, #name);
    NAMES(FIND)
}
