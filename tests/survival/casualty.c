// SPDX-License-Identifier: MIT
//
// A program that leaves one of everything and then dies as it is told.
//
//     casualty TAG WORD WAY [PROGRAM]
//
// Left are: a child deaf to polite signals; a daemon with a listening port and a socket file; a tree, a file
// and a socket file in $TMPDIR; each kind of IPC object, called WORD-TAG. Then `ready` appears in the working
// directory, which is no temporary place, with the pids of this process and its parent. Everything that runs
// ends by itself after two minutes, whatever happens.
#include <arpa/inet.h>
#include <mqueue.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "victim.h"

enum { kLifetime = 120, kLeft = 5 };  // s; a status

static void must(int good, const char* what) {
    if (good) return;
    perror(what);
    _exit(99);
}

static void leave_file(const char* path) {
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
    must(fd >= 0 && write(fd, "x", 1) == 1, path);
    close(fd);
}

static void leave_socket(const char* path) {
    struct sockaddr_un address = unix_address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    must(bind(fd, (struct sockaddr*)&address, sizeof address) == 0 && listen(fd, 1) == 0, path);
}

static void leave_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(fd, (struct sockaddr*)&address, sizeof address) == 0 && listen(fd, 1) == 0, "port");
}

// Starts `body` as a process that says through a pipe when it is what it shall be.
static void start(void (*body)(void), int daemonise) {
    int ready[2];
    char byte;
    must(pipe(ready) == 0, "pipe");
    pid_t child = fork();
    if (child == 0) {
        if (daemonise && (setsid() < 0 || fork() != 0)) _exit(0);
        close(ready[0]);
        body();
        must(write(ready[1], "r", 1) == 1, "write");
        close(ready[1]);
        linger();
    }
    close(ready[1]);
    must(child > 0 && read(ready[0], &byte, 1) == 1, "child");
    close(ready[0]);
    if (daemonise) waitpid(child, NULL, 0);
}

static void be_deaf(void) {
    for (int number = 1; number < 32; number++)
        signal(number, SIG_IGN);
}

static void serve(void) {
    leave_port();
    leave_socket(in_tmp("daemon.sock"));
}

static void leave_ipc(const char* word, const char* tag) {
    const char* name = ipc_name(word, tag);
    must(shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600) >= 0, "shm_open");
    must(sem_open(name, O_CREAT | O_EXCL, 0600, 1) != SEM_FAILED, "sem_open");
    must(mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, SMALL_QUEUE) >= 0, "mq_open");
    int key = ipc_key(word, tag);
    must(shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0600) >= 0, "shmget");
    must(semget(key, 1, IPC_CREAT | IPC_EXCL | 0600) >= 0, "semget");
    must(msgget(key, IPC_CREAT | IPC_EXCL | 0600) >= 0, "msgget");
}

static void leave_everything(const char* word, const char* tag) {
    must(mkdir(in_tmp("tree"), 0700) == 0 && mkdir(in_tmp("tree/branch"), 0700) == 0, "mkdir");
    leave_file(in_tmp("tree/branch/leaf"));
    leave_file(in_tmp("file"));
    leave_socket(in_tmp("own.sock"));
    start(be_deaf, 0);
    start(serve, 1);
    leave_ipc(word, tag);
    FILE* ready = fopen("ready.new", "w");
    must(ready != NULL && fprintf(ready, "%d %d\n", getpid(), getppid()) > 0, "ready.new");
    must(fclose(ready) == 0 && rename("ready.new", "ready") == 0, "ready");
}

static void* crash(void* nowhere) {
    *(volatile int*)nowhere = 1;
    return NULL;
}

static void die_in_a_thread(void) {
    pthread_t thread;
    must(pthread_create(&thread, NULL, crash, NULL) == 0, "thread");
    pthread_join(thread, NULL);
}

// A page of a file behind its end.
static void die_by_a_bus_error(void) {
    int fd = memfd_create("casualty", 0);
    must(ftruncate(fd, 4096) == 0, "ftruncate");
    char* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    must(page != MAP_FAILED && ftruncate(fd, 0) == 0, "mmap");
    *(volatile char*)page = 1;
}

static void abort_on_signal(int signal) {
    (void)signal;
    abort();
}

static void exit_on_signal(int signal) {
    (void)signal;
    _exit(kLeft);
}

static int use_up(volatile const char* above) {
    char room[4096];
    room[0] = *above;
    return room[0] == 'x' ? 0 : use_up(room) + room[1];
}

// The handler has 8 KiB and a page below that it must not touch, as in Rust's runtime.
static void overflow_the_stack(void (*handler)(int)) {
    enum { kPage = 4096, kRoom = 8192 };
    char* below = mmap(NULL, kPage + kRoom, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(below != MAP_FAILED && mprotect(below, kPage, PROT_NONE) == 0, "mmap");
    stack_t stack = {.ss_sp = below + kPage, .ss_size = kRoom};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    must(sigaltstack(&stack, NULL) == 0 && sigaction(SIGSEGV, &action, NULL) == 0, "sigaltstack");
    use_up("");
}

static void die(const char* way, const char* program) {
    char* words[] = {(char*)program, NULL};
    char* nothing[] = {NULL};
    if (strcmp(way, "killed") == 0) kill(getpid(), SIGKILL);
    if (strcmp(way, "segv") == 0) crash(NULL);
    if (strcmp(way, "segv-in-a-thread") == 0) die_in_a_thread();
    if (strcmp(way, "bus") == 0) die_by_a_bus_error();
    if (strcmp(way, "abort") == 0) abort();
    if (strcmp(way, "overflow-abort") == 0) overflow_the_stack(abort_on_signal);
    if (strcmp(way, "overflow-exit") == 0) overflow_the_stack(exit_on_signal);
    if (strcmp(way, "terminated") == 0) kill(getpid(), SIGTERM);
    if (strcmp(way, "exit-group") == 0) unseen_call(SYS_exit_group, kLeft, 0, 0);
    if (strcmp(way, "exec") == 0) execv(program, words);
    if (strcmp(way, "exec-bare") == 0) execve(program, words, nothing);
    if (strcmp(way, "exec-raw") == 0) unseen_call(SYS_execve, (long)program, (long)words, (long)nothing);
    if (strcmp(way, "exit") == 0) exit(kLeft);
    if (strcmp(way, "waits") == 0) linger();
    _exit(98);
}

int main(int argc, char** argv) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    alarm(kLifetime);
    if (argc < 4) return 97;
    leave_everything(argv[2], argv[1]);
    die(argv[3], argc > 4 ? argv[4] : "");
}
