// SPDX-License-Identifier: MIT
//
// A thread with the smallest stack there is calls what takes a path, and so does a signal handler on a small
// stack of its own, with names that are not absolute: the shim has no room to waste.
//
// expect: error temp_dir path={tmp}/thread
// expect: error temp_dir path={tmp}/handler
// expect: error temp_dir path={tmp}/relative
// expect: error temp_file path={tmp}/renamed
// status: 0
#include <pthread.h>
#include <signal.h>

#include "victim.h"

static char in_thread[PATH_MAX];
static char in_handler[PATH_MAX];

static void* work(void* unused) {
    (void)unused;
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || close(fd) != 0 || mkdir(in_thread, 0700) != 0) return (void*)1;
    return NULL;
}

static void handler(int signal_number) {
    (void)signal_number;
    mkdir(in_handler, 0700);
    mkdir("relative", 0700);
    close(open("file", O_WRONLY | O_CREAT | O_EXCL, 0600));
    rename("file", "renamed");
}

// The smallest that was ever called enough, with nothing readable below it.
static void* small_stack(void) {
    char* memory = mmap(NULL, 65536 + 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(memory, 65536, PROT_NONE);
    return memory + 65536;
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    pthread_t thread;
    pthread_attr_t attributes;
    void* result = (void*)2;
    snprintf(in_thread, sizeof in_thread, "%s", in_tmp("thread"));
    snprintf(in_handler, sizeof in_handler, "%s", in_tmp("handler"));
    SHOW_ERROR(pthread_attr_init(&attributes));
    SHOW_ERROR(pthread_attr_setstacksize(&attributes, (size_t)sysconf(_SC_THREAD_STACK_MIN)));
    SHOW_ERROR(pthread_create(&thread, &attributes, work, NULL));
    SHOW_ERROR(pthread_join(thread, &result));
    SHOW_ERROR(pthread_attr_destroy(&attributes));
    say("result %s\n", result == NULL ? "fine" : "wrong");
    const stack_t stack = {.ss_sp = small_stack(), .ss_size = 8192};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    SHOW(chdir(getenv("TMPDIR")));
    SHOW(sigaltstack(&stack, NULL));
    SHOW(sigaction(SIGUSR1, &action, NULL));
    SHOW(raise(SIGUSR1));
    return 0;
}
