// SPDX-License-Identifier: MIT
//
// The ends of things, where they fail: streams and directories whose descriptor went first, children that
// somebody else waited for, threads that can't be joined any more, users that can't be changed back.
//
// degraded: left_ledger
// expect: nothing
// status: 0
#include <dirent.h>
#include <pthread.h>
#include <sys/resource.h>
#include <threads.h>

#include "victim.h"

static int end_at_once(void* argument) {
    return argument == NULL ? 3 : 4;
}

static void* end_soon(void* argument) {
    wait_until(argument, 1);
    return NULL;
}

static void refuse_to_close(void) {
    FILE* stream = SHOW_POINTER(fopen("/dev/null", "r"));
    SHOW(close(fileno(stream)));
    SHOW(fclose(stream));
    DIR* directory = SHOW_POINTER(opendir("/"));
    SHOW(close(dirfd(directory)));
    SHOW(closedir(directory));
    SHOW(closedir(NULL));
    FILE* command = SHOW_POINTER(popen("true", "r"));
    SHOW_PID(wait(NULL));
    SHOW(pclose(command));
    SHOW_POINTER(freopen("/nothing/of/this/name", "r", fopen("/dev/null", "r")));
    SHOW_POINTER(fdopen(-1, "r"));
    SHOW_POINTER(fopen("/dev/null", "nonsense"));
}

static void refuse_to_join(void) {
    atomic_int* go = shared_counter();
    thrd_t thread;
    int result = 0;
    SHOW(thrd_create(&thread, end_at_once, NULL));
    SHOW(thrd_join(thread, &result));
    say("result %d\n", result);
    pthread_t other;
    SHOW_ERROR(pthread_create(&other, NULL, end_soon, go));
    SHOW_ERROR(pthread_detach(other));
    SHOW_ERROR(pthread_detach(other));
    SHOW_ERROR(pthread_join(other, NULL));
    SHOW(thrd_detach(other));
    SHOW(thrd_join(other, NULL));
    SHOW_ERROR(pthread_join(pthread_self(), NULL));
    SHOW_ERROR(pthread_setname_np(pthread_self(), "a name that is much too long"));
    atomic_store(go, 1);
    struct stat tasks;
    do
        usleep(500);
    while (stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 3);
}

static void refuse_users(void) {
    const pid_t child = fork();
    if (child == 0) {
        SHOW(setuid(65534));
        SHOW(setuid(0));
        SHOW(seteuid(0));
        SHOW(setreuid(0, 0));
        SHOW(setresuid(0, 0, 0));
        _exit(0);
    }
    SHOW_PID(waitpid(child, NULL, 0));
    SHOW_PID(waitpid(child, NULL, 0));
    SHOW_PID(wait3(NULL, 0, NULL));
    SHOW_PID(wait4(child, NULL, 0, NULL));
    SHOW(waitid(P_PID, (id_t)child, &(siginfo_t){0}, WEXITED));
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    refuse_to_close();
    refuse_to_join();
    refuse_users();
    return 0;
}
