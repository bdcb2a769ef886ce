// SPDX-License-Identifier: MIT
//
// An allocator that opens and closes things in every call, as one with a log or a heap profile does: the
// hooks come to be called from within libc, which called malloc from within a call that is hooked.
//
// expect: nothing
// status: 0
#include <dirent.h>
#include <pthread.h>

#include "victim.h"

enum { ARENA = 64 << 20, ALIGNMENT = 16 };

static _Alignas(ALIGNMENT) char arena[ARENA];
static atomic_size_t used;
static _Thread_local int inside;
static atomic_int calls;

static void work_inside(void) {
    if (inside++ == 0) {
        const int before = errno;
        const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        const int copy = dup(fd);
        close(copy);
        close(fd);
        errno = before;
        atomic_fetch_add(&calls, 1);
    }
    --inside;
}

// Never freed: what counts is who calls whom. The size stands before the block.
void* malloc(size_t size) {
    work_inside();
    const size_t room = (size + 2 * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    const size_t at = atomic_fetch_add(&used, room);
    if (at + room > ARENA) return NULL;
    *(size_t*)(void*)(arena + at) = size;
    return arena + at + ALIGNMENT;
}

void free(void* block) {
    if (block != NULL) work_inside();
}

void* calloc(size_t count, size_t size) {
    return malloc(count * size);
}

void* realloc(void* block, size_t size) {
    void* larger = malloc(size);
    if (block == NULL || larger == NULL) return larger;
    const size_t before = *(size_t*)(void*)((char*)block - ALIGNMENT);
    memcpy(larger, block, before < size ? before : size);
    return larger;
}

static void* allocate(void* value) {
    free(strdup("in a thread"));
    return value;
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    SHOW(fclose((FILE*)SHOW_POINTER(fopen("/dev/null", "r"))));
    SHOW(closedir((DIR*)SHOW_POINTER(opendir("/"))));
    SHOW(pclose((FILE*)SHOW_POINTER(popen("exit 3", "r"))));
    SHOW(setenv("NAME", "value", 1));
    pthread_t thread;
    for (int i = 0; i < 3; ++i) {
        SHOW_ERROR(pthread_create(&thread, NULL, allocate, NULL));
        SHOW_ERROR(pthread_join(thread, NULL));
    }
    const pid_t pid = SHOW_FORK(fork());
    if (pid == 0) _exit(malloc(10) == NULL);
    SHOW_PID(waitpid(pid, NULL, 0));
    SHOW(fclose((FILE*)SHOW_POINTER(tmpfile())));
    say("%s\n", atomic_load(&calls) > 8 ? "called inside malloc" : "hardly called");
    return 0;
}
