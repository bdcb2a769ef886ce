// SPDX-License-Identifier: MIT
//
// What all victims share: how a call is shown, where things may be left, how a child lingers.
//
// A victim is a small program that makes (and perhaps leaves) resources and prints one line for each call it
// makes. The harness (tests/preload/run_victim.py) runs it with and without the shim and compares every byte;
// what the ledger must hold afterwards stands in the victim's own top comment, in the grammar that
// expectations.py describes.
//
// Guarantees: nothing here allocates, keeps a descriptor or starts a thread, so whatever the ledger holds
// comes from the victim's own text. All output is one write(2) per line: an exit that skips stdio, or a vfork
// child, shows as much as any other. It must never print what differs between two runs: pids, addresses,
// random names, free ports.
#pragma once

#ifndef _GNU_SOURCE
#error "victims are built with -D_GNU_SOURCE, since some include system headers before this one"
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef VICTIM_IN_CONSTRUCTOR
// The same source as a library whose constructor runs the body, so that every hook is called before main and,
// as a rule, before the shim's own constructor. run_from_constructor.c holds the main that only hands the
// status on.
#define main victim_main
int victim_main(int argc, char** argv);
int victim_status = 99;
__attribute__((constructor)) static void run_body(int argc, char** argv) {
    victim_status = victim_main(argc, argv);
}
#endif

// Writes one formatted line to stdout, at once and without stdio. errno is left as it was.
__attribute__((format(printf, 1, 2))) static inline void say(const char* format, ...) {
    const int before = errno;
    char line[512];
    va_list values;
    va_start(values, format);
    const int length = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    if (length > 0 && write(STDOUT_FILENO, line, (size_t)length) != length) _exit(98);
    errno = before;
}

// Prints the name in front of the first bracket of `call`, with `result` in words and the errno the call
// left.
static inline void show_line(const char* call, const char* result, int error) {
    const char* name = error == 0 ? "0" : strerrorname_np(error);
    say("call=%.*s ret=%s errno=%s\n", (int)strcspn(call, "( "), call, result, name ? name : "?");
}

static inline long show_number(const char* call, long result, int error) {
    char text[32];
    snprintf(text, sizeof text, "%ld", result);
    show_line(call, text, error);
    return result;
}

static inline long show_pid(const char* call, long result, int error) {
    if (result <= 0) return show_number(call, result, error);
    show_line(call, "pid", error);
    return result;
}

// For the ids of System V objects, of which 0 is one.
static inline long show_id(const char* call, long result, int error) {
    if (result < 0) return show_number(call, result, error);
    show_line(call, "id", error);
    return result;
}

// Shown by the parent alone, so that the child's copy of the line can't come in between.
static inline long show_fork(const char* call, long result, int error) {
    return result == 0 ? 0 : show_pid(call, result, error);
}

static inline void* show_pointer(const char* call, void* result, int error) {
    show_line(call, result == NULL ? "NULL" : "pointer", error);
    return result;
}

static inline int show_error(const char* call, int result, int error) {
    const char* name = result == 0 ? "0" : strerrorname_np(result);
    show_line(call, name ? name : "?", error);
    return result;
}

// Each macro makes the call with errno at 0 and shows what it returned and what it left in errno, success or
// not. The comma keeps the order certain: errno is read after the call. SHOW is for numbers (descriptors are
// the same with and without the shim, that is one of its promises), the others for what differs from run to
// run.
static _Thread_local long shown_number __attribute__((unused));
static _Thread_local void* shown_pointer __attribute__((unused));
#define SHOW(call) (errno = 0, shown_number = (long)(call), (int)show_number(#call, shown_number, errno))
#define SHOW_PID(call) (errno = 0, shown_number = (long)(call), (pid_t)show_pid(#call, shown_number, errno))
#define SHOW_FORK(call) (errno = 0, shown_number = (long)(call), (pid_t)show_fork(#call, shown_number, errno))
#define SHOW_ID(call) (errno = 0, shown_number = (long)(call), (int)show_id(#call, shown_number, errno))
#define SHOW_POINTER(call) \
    (errno = 0, shown_pointer = (void*)(call), show_pointer(#call, shown_pointer, errno))
// For the calls that return their error: posix_spawn, the pthread family.
#define SHOW_ERROR(call) (errno = 0, shown_number = (long)(call), show_error(#call, (int)shown_number, errno))

// The tag of this run (argv[1]), which makes names outside the private TMPDIR unique.
static inline const char* tag_of(int argc, char** argv) {
    if (argc < 2) {
        say("usage: %s TAG\n", argv[0]);
        _exit(2);
    }
    return argv[1];
}

// True if this image was started to play `role` (argv[2]); victims that exec themselves use it.
static inline int has_role(int argc, char** argv, const char* role) {
    return argc > 2 && strcmp(argv[2], role) == 0;
}

static inline const char* self(void) {
    return "/proc/self/exe";
}

// "$TMPDIR/name", in one of eight buffers that are used in turn: writable, as mkdtemp and its kind want it.
static inline char* in_tmp(const char* name) {
    static char buffers[8][PATH_MAX];
    static unsigned next;
    char* buffer = buffers[next++ % 8];
    const char* root = getenv("TMPDIR");
    snprintf(buffer, PATH_MAX, "%s/%s", root != NULL ? root : "/tmp-is-not-set", name);
    return buffer;
}

// "/leak-TAG" and its like, for POSIX IPC.
static inline const char* ipc_name(const char* what, const char* tag) {
    static char buffers[4][NAME_MAX];
    static unsigned next;
    char* buffer = buffers[next++ % 4];
    snprintf(buffer, NAME_MAX, "/%s-%s", what, tag);
    return buffer;
}

// What a message queue is made with. As large as it is without, nine fill what RLIMIT_MSGQUEUE leaves a user,
// and that is less than the tests have that run at once on a machine with many processors. Needs <mqueue.h>.
#define SMALL_QUEUE (&(struct mq_attr){.mq_maxmsg = 1, .mq_msgsize = 16})

// The System V key of `what` in this run: FNV-1a over "what-tag", as tests/harness/ipc.py computes it.
static inline int ipc_key(const char* what, const char* tag) {
    unsigned hash = 2166136261u;
    const char* const parts[] = {what, "-", tag};
    for (size_t part = 0; part < 3; ++part)
        for (const char* at = parts[part]; *at != '\0'; ++at)
            hash = (hash ^ (unsigned char)*at) * 16777619u;
    return (int)((hash & 0x7ffffffeu) | 1u);
}

static inline struct sockaddr_un unix_address(const char* path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) _exit(97);
    memcpy(address.sun_path, path, strlen(path) + 1);
    return address;
}

// Stays until somebody ends it. The alarm is for a harness that died: nothing of a test stays for good.
__attribute__((noreturn)) static inline void linger(void) {
    alarm(120);
    for (;;)
        pause();
}

// A counter that parent and forked children share, with no descriptor that could show up in a ledger.
static inline atomic_int* shared_counter(void) {
    void* page = mmap(NULL, sizeof(atomic_int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) _exit(96);
    return page;
}

static inline void wait_until(const atomic_int* counter, int value) {
    while (atomic_load(counter) < value)
        usleep(500);
}

// A system call that no preload can see: what a Go program or io_uring does.
static inline long unseen_call(long number, long a, long b, long c) {
#if defined(__x86_64__)
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#else
#error "no raw system call for this machine"
#endif
}
