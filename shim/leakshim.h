/* SPDX-License-Identifier: MIT
 *
 * leakshim.h - what a program can tell leakshim about its own work, and ask about what it left.
 *
 * Include it and call; nothing has to be linked. The functions behind it are weak symbols that exist only
 * when libleakshim.so is preloaded into a session. Without it every call is a no-op that returns 0. C99 and
 * C++.
 *
 *     leakshim_scope test = leakshim_scope_begin("my test");
 *     run();
 *     struct leakshim_verdict verdict;
 *     if (leakshim_scope_verdict(test, LEAKSHIM_LINGER, &verdict) != 0) {
 *         struct leakshim_leak leak;
 *         unsigned long long cursor = 0;
 *         while (leakshim_scope_next(test, &cursor, &leak)) complain(leak.kind_name, leak.what, leak.site);
 *     }
 *     leakshim_scope_end(test);
 *
 * No function touches errno. All may be called from any thread, and all but leakshim_scope_verdict,
 * leakshim_scope_reap and leakshim_report from a signal handler: those three may wait or write; none takes a
 * lock.
 *
 * Structs grow at their end only. `size` tells the library how large the caller's is; the functions below
 * fill it in.
 */
#ifndef LEAKSHIM_H
#define LEAKSHIM_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header: major * 10000 + minor * 100 + patch. */
#define LEAKSHIM_VERSION 100

/* In a program that is not position-independent the linker takes a weak symbol for absent, once and for all,
 * unless it is asked for through the global offset table. gcc can be told so; clang -fno-pie can not: use
 * -fPIE there. */
#ifdef __has_attribute
#if __has_attribute(noplt)
#define LEAKSHIM_NOPLT , noplt
#endif
#endif
#ifndef LEAKSHIM_NOPLT
#define LEAKSHIM_NOPLT
#endif

#define LEAKSHIM_API __attribute__((weak, visibility("default") LEAKSHIM_NOPLT)) extern

/* Kinds of leaks: the numbers that the ledger uses. They never change; new ones may come. */
enum {
    LEAKSHIM_PROCESS = 1,
    LEAKSHIM_THREAD = 2,
    LEAKSHIM_FILE = 8,
    LEAKSHIM_PIPE = 9,
    LEAKSHIM_SOCKET = 10,
    LEAKSHIM_EVENTFD = 11,
    LEAKSHIM_TIMERFD = 12,
    LEAKSHIM_SIGNALFD = 13,
    LEAKSHIM_EPOLL = 14,
    LEAKSHIM_INOTIFY = 15,
    LEAKSHIM_MEMFD = 16,
    LEAKSHIM_PIDFD = 17,
    LEAKSHIM_OTHER_FD = 18,
    LEAKSHIM_TEMP_DIR = 32,
    LEAKSHIM_TEMP_FILE = 33,
    LEAKSHIM_FIFO = 34,
    LEAKSHIM_LINK = 35,
    LEAKSHIM_DEVICE = 36,
    LEAKSHIM_UNIX_SOCKET = 37,
    LEAKSHIM_POSIX_SHM = 48,
    LEAKSHIM_NAMED_SEMAPHORE = 49,
    LEAKSHIM_MESSAGE_QUEUE = 50,
    LEAKSHIM_SYSV_SHM = 51,
    LEAKSHIM_SYSV_SEM = 52,
    LEAKSHIM_SYSV_MSG = 53,
    LEAKSHIM_KINDS = 64
};

/* Sets of kinds, for leakshim_annotate. */
#define LEAKSHIM_ANY_KIND (~0ULL)
#define LEAKSHIM_BIT(kind) (1ULL << (kind))

/* A scope, as leakshim_scope_begin returns it; 0 is none. Valid as long as the session. */
typedef unsigned leakshim_scope;

/* What a scope has left: things made in it, and not in a scope within it, by the process that asks or by any
 * process that was started in the scope, that are still there. What was there when the scope began is none of
 * it; nor is what was marked with leakshim_keep_*, and what the rules (LEAKSHIM_RULES) keep or ignore. */
struct leakshim_verdict {
    unsigned size;
    unsigned total;
    unsigned by_kind[LEAKSHIM_KINDS];
    unsigned ports;     /* of the sockets: those bound to a port */
    unsigned waited_ms; /* how long was waited for threads and processes on their way out */
};

/* Bits of leakshim_leak.flags. */
enum {
    LEAKSHIM_LISTENING = 1, /* a socket that listens */
    LEAKSHIM_FINISHED = 2,  /* a thread that has ended and was never joined */
    LEAKSHIM_DETACHED = 4,  /* a detached thread */
    LEAKSHIM_OWN = 8        /* made by the process that asks, not by one that it started */
};

/* One thing that a scope has left. Texts are cut to what fits, and end with a NUL. */
struct leakshim_leak {
    unsigned size;
    unsigned kind;
    unsigned flags;
    int number; /* fd, pid, tid or System V id, by kind */
    int maker;  /* pid of the process that made it; of a process, its parent's */
    unsigned port;
    unsigned long long born;          /* CLOCK_BOOTTIME, ns */
    unsigned long long start_routine; /* of a thread: the address of what it runs */
    char kind_name[32];               /* "temp_dir", "listening_port", …: as rules and reports have it */
    char what[1024];                  /* path, command line, address, name of the thread */
    char site[512];                   /* "file:line" where it was made; empty when nobody said */
    char test[512];                   /* the name of the scope */
};

/* For leakshim_scope_verdict: wait as the option `linger` says (LEAKSHIM_OPTIONS, 300 ms). */
#define LEAKSHIM_LINGER (-1)

/* The symbols of the library. Call the functions below instead. */
LEAKSHIM_API int leakshim_v1_version(void);
LEAKSHIM_API int leakshim_v1_active(void);
LEAKSHIM_API unsigned leakshim_v1_scope_begin(const char* name);
LEAKSHIM_API void leakshim_v1_scope_end(unsigned scope);
LEAKSHIM_API unsigned leakshim_v1_scope_enter(unsigned scope);
LEAKSHIM_API int leakshim_v1_scope_verdict(unsigned scope, int linger_ms, struct leakshim_verdict* verdict);
LEAKSHIM_API int leakshim_v1_scope_next(unsigned scope, unsigned long long* cursor,
                                        struct leakshim_leak* leak);
LEAKSHIM_API int leakshim_v1_scope_reap(unsigned scope);
LEAKSHIM_API unsigned leakshim_v1_site(const char* text);
LEAKSHIM_API void leakshim_v1_annotate(unsigned site, unsigned long long kinds, unsigned uses);
LEAKSHIM_API int leakshim_v1_report(unsigned scope, int fd);
LEAKSHIM_API int leakshim_v1_keep_fd(int fd);
LEAKSHIM_API int leakshim_v1_keep_path(const char* path);
LEAKSHIM_API int leakshim_v1_keep_pid(pid_t pid);

/* Version of the library that is loaded, as LEAKSHIM_VERSION; 0 when none is. */
static inline int leakshim_version(void) {
    return leakshim_v1_version ? leakshim_v1_version() : 0;
}

/* 1 when this process is recorded in a session, else 0. */
static inline int leakshim_active(void) {
    return leakshim_v1_active ? leakshim_v1_active() : 0;
}

/* From here on, what this thread makes belongs to the scope `name` (nearly always a test), and so does what
 * the threads and children make that it starts, for as long as they live. Scopes nest: each thing belongs to
 * the innermost. The name is copied. Every call begins a scope of its own, also when another of the same name
 * exists. Returns 0 when nothing is recorded. */
static inline leakshim_scope leakshim_scope_begin(const char* name) {
    return leakshim_v1_scope_begin ? leakshim_v1_scope_begin(name) : 0;
}

/* Ends the scope. A thread that calls this in it, or in one within it, is in the scope again that it was in
 * when this one began. May be called by another thread. What the scope left stays known by its name. */
static inline void leakshim_scope_end(leakshim_scope scope) {
    if (leakshim_v1_scope_end) leakshim_v1_scope_end(scope);
}

/* Goes into a scope that was begun before, by whichever thread of this process, and that has not ended; 0
 * leaves all scopes. Returns the one that the thread was in, to be entered again. For work that comes in
 * pieces: the setup and the teardown of a fixture, the tasks of a pool. */
static inline leakshim_scope leakshim_scope_enter(leakshim_scope scope) {
    return leakshim_v1_scope_enter ? leakshim_v1_scope_enter(scope) : 0;
}

/* How many things the scope has left; the same in verdict->total, and by kind. `verdict` may be null.
 *
 * Threads and processes of the scope that are on their way out are waited for: not at all when there are
 * none; until they have all been asleep for 100 ms; for at most `linger_ms` when they are awake now and then;
 * and for twenty times as long while there is one that could run but is not given the processor, on a machine
 * under load. With a linger of 0 nothing is waited for.
 *
 * Costs a few microseconds when the scope left nothing but what its own process has open; otherwise a walk
 * over the ledger until everything of the scope is found, at most a few microseconds for each hundred live
 * records of the session. */
static inline int leakshim_scope_verdict(leakshim_scope scope, int linger_ms,
                                         struct leakshim_verdict* verdict) {
    if (verdict) {
        unsigned char* byte = (unsigned char*)verdict;
        unsigned i;
        for (i = 0; i < sizeof *verdict; ++i)
            byte[i] = 0;
        verdict->size = (unsigned)sizeof *verdict;
    }
    return leakshim_v1_scope_verdict ? leakshim_v1_scope_verdict(scope, linger_ms, verdict) : 0;
}

/* The next thing that the scope has left: 1 and `leak` filled in, or 0 at the end. `*cursor` is 0 before the
 * first call and belongs to the library afterwards. Nothing is held between two calls: what is made or goes
 * meanwhile may be seen or not. */
static inline int leakshim_scope_next(leakshim_scope scope, unsigned long long* cursor,
                                      struct leakshim_leak* leak) {
    leak->size = (unsigned)sizeof *leak;
    return leakshim_v1_scope_next ? leakshim_v1_scope_next(scope, cursor, leak) : 0;
}

/* Takes away what the scope has left: its processes by the ladder of signals, its paths and IPC objects as
 * the session's mode says, as at the end of a session and with the same care. Its descriptors in processes
 * that live on are retired: a dead descriptor takes their number. Threads stay. Returns how many things are
 * gone, -1 when another thread is at it. Waits for processes to end. */
static inline int leakshim_scope_reap(leakshim_scope scope) {
    return leakshim_v1_scope_reap ? leakshim_v1_scope_reap(scope) : 0;
}

/* Says where this thread makes what comes next: `site` is "file:line" and is copied (once for each text in a
 * session); `kinds` is a set of LEAKSHIM_BIT(kind); `uses` is for how many records, where a file and its
 * descriptor are one. Takes the place of what was said before; `site` null takes it back. */
static inline void leakshim_annotate(const char* site, unsigned long long kinds, unsigned uses) {
    if (leakshim_v1_annotate && leakshim_v1_site)
        leakshim_v1_annotate(site ? leakshim_v1_site(site) : 0, kinds, uses);
}
#define LEAKSHIM_STRING_(text) #text
#define LEAKSHIM_STRING(text) LEAKSHIM_STRING_(text)
/* The next record of this thread is made here. */
#define LEAKSHIM_HERE() leakshim_annotate(__FILE__ ":" LEAKSHIM_STRING(__LINE__), LEAKSHIM_ANY_KIND, 1)

/* Writes a line for each thing that the scope has left to the descriptor `fd`; with scope 0, for all that
 * this process and its descendants have made and that is there now. Returns the number of lines. */
static inline int leakshim_report(leakshim_scope scope, int fd) {
    return leakshim_v1_report ? leakshim_v1_report(scope, fd) : 0;
}

/* Marks something as meant to stay: it is reported as kept, never reaped, and in no verdict. Returns 1 when
 * it was recorded and is marked now, 0 when leakshim knows of no such thing. `path` is taken as open(2) would
 * take it. */
static inline int leakshim_keep_fd(int fd) {
    return leakshim_v1_keep_fd ? leakshim_v1_keep_fd(fd) : 0;
}
static inline int leakshim_keep_path(const char* path) {
    return leakshim_v1_keep_path ? leakshim_v1_keep_path(path) : 0;
}
/* A process that is kept keeps its descendants, too. A child of this process may be marked as soon as fork
 * has returned. */
static inline int leakshim_keep_pid(pid_t pid) {
    return leakshim_v1_keep_pid ? leakshim_v1_keep_pid(pid) : 0;
}

#ifdef __cplusplus
}
#endif

#endif
