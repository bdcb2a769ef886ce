// SPDX-License-Identifier: MIT
//
// Leaves one thing of each kind behind, each made by a function that is named for it, called by set_up(),
// called by main(). The lines with "MADE: kind" are where the report must point to. Its children run it too,
// as `made_by NAME DESCRIPTOR`: they say through the descriptor that they have begun, as the thread does, and
// stay.
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <unistd.h>

extern char** environ;

#define NOT_IN_LINE __attribute__((noinline))
#define NO_TAIL_CALL __asm__ volatile("")

static int begun[2];  // what children say that they have begun through
static char number[16];

static void* sleep_on(void* nothing) {
    prctl(PR_SET_NAME, "sleeper");
    if (write(begun[1], "", 1) == 1) pause();
    return nothing;
}

NOT_IN_LINE static void make_directory(void) {
    char name[] = "/tmp/leakshim-stack-XXXXXX";
    if (mkdtemp(name) == NULL) _exit(3);  // MADE: temp_dir
    NO_TAIL_CALL;
}

NOT_IN_LINE static void make_socket(void) {
    if (socket(AF_INET, SOCK_STREAM, 0) < 0) _exit(3);  // MADE: socket
    NO_TAIL_CALL;
}

NOT_IN_LINE static void make_thread(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, sleep_on, NULL);  // MADE: thread
    NO_TAIL_CALL;
}

NOT_IN_LINE static void make_segment(void) {
    if (shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600) < 0) _exit(3);  // MADE: sysv_shm
    NO_TAIL_CALL;
}

NOT_IN_LINE static void spawn_child(void) {
    char* arguments[] = {"made_by", "spawned", number, NULL};
    pid_t pid = 0;
    posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ);  // MADE: spawned
    NO_TAIL_CALL;
}

NOT_IN_LINE static void vfork_child(void) {
    if (vfork() == 0) {  // MADE: vforked
        execl("/proc/self/exe", "made_by", "vforked", number, (char*)NULL);
        _exit(127);
    }
    NO_TAIL_CALL;
}

NOT_IN_LINE static void fork_child(void) {
    if (fork() == 0) {  // MADE: forked
        execl("/proc/self/exe", "made_by", "forked", number, (char*)NULL);
        _exit(127);
    }
    NO_TAIL_CALL;
}

NOT_IN_LINE static void set_up(void) {
    make_directory();
    make_socket();
    make_thread();
    make_segment();
    spawn_child();
    vfork_child();
    fork_child();
    NO_TAIL_CALL;
}

int main(int argc, char** argv) {
    if (argc == 3) {
        if (write(atoi(argv[2]), "", 1) == 1) pause();
        return 3;
    }
    if (pipe(begun) != 0) return 3;
    snprintf(number, sizeof number, "%d", begun[1]);
    set_up();
    for (int i = 0; i < 4; i++) {
        char byte;
        if (read(begun[0], &byte, 1) != 1) return 3;
    }
    close(begun[0]);
    close(begun[1]);
    return 0;
}
