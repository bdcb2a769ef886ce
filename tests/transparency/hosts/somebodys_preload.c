// SPDX-License-Identifier: MIT
//
// A preload as others write them: it stands before libc with functions that leakshim hooks as well, with
// malloc, and with a clock of its own, and passes each call on to whatever comes next.
#include <dlfcn.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

void* malloc(size_t size);
void free(void* memory);
int socket(int domain, int type, int protocol);
int close(int fd);
int mkdir(const char* path, mode_t mode);
pid_t fork(void);
long somebodys_calls(void);

static _Atomic long calls;

long somebodys_calls(void) {
    return calls;
}
void* malloc(size_t size) {
    static __typeof__(&malloc) next;
    if (next == NULL) next = NEXT(malloc);
    ++calls;
    return next(size);
}
void free(void* memory) {
    static __typeof__(&free) next;
    if (next == NULL) next = NEXT(free);
    next(memory);
}
int socket(int domain, int type, int protocol) {
    ++calls;
    return NEXT(socket)(domain, type, protocol);
}
int close(int fd) {
    ++calls;
    return NEXT(close)(fd);
}
int mkdir(const char* path, mode_t mode) {
    ++calls;
    return NEXT(mkdir)(path, mode);
}
pid_t fork(void) {
    ++calls;
    return NEXT(fork)();
}
time_t time(time_t* to) {
    if (to != NULL) *to = 86400;
    return 86400;
}
