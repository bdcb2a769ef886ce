/* SPDX-License-Identifier: MIT
 *
 * leakshim.h - what a program can tell leakshim about its own work.
 *
 * Include it and call; nothing has to be linked. The functions behind it are weak symbols that exist only
 * when libleakshim.so is preloaded into a session. Without it every call is a no-op that returns 0. C99 and
 * C++.
 *
 * All functions are async-signal-safe, may be called from any thread, never block, and leave errno alone.
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

/* The symbols of the library. Call the functions below instead. */
LEAKSHIM_API int leakshim_v1_version(void);
LEAKSHIM_API int leakshim_v1_active(void);
LEAKSHIM_API unsigned leakshim_v1_scope_begin(const char* name);
LEAKSHIM_API void leakshim_v1_scope_end(unsigned token);
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
 * the children make that it starts. Scopes nest. Returns a token for leakshim_scope_end, which must be called
 * by the same thread; the name is copied. */
static inline unsigned leakshim_scope_begin(const char* name) {
    return leakshim_v1_scope_begin ? leakshim_v1_scope_begin(name) : 0;
}

/* Ends the scope that returned `token`: the thread is in the scope again that it was in before. */
static inline void leakshim_scope_end(unsigned token) {
    if (leakshim_v1_scope_end) leakshim_v1_scope_end(token);
}

/* Marks something as meant to stay: it is reported as kept and never reaped. Returns 1 when it was recorded
 * and is marked now, 0 when leakshim knows of no such thing. `path` is taken as open(2) would take it. */
static inline int leakshim_keep_fd(int fd) {
    return leakshim_v1_keep_fd ? leakshim_v1_keep_fd(fd) : 0;
}
static inline int leakshim_keep_path(const char* path) {
    return leakshim_v1_keep_path ? leakshim_v1_keep_path(path) : 0;
}
/* A process that is kept keeps its descendants, too. */
static inline int leakshim_keep_pid(pid_t pid) {
    return leakshim_v1_keep_pid ? leakshim_v1_keep_pid(pid) : 0;
}

#ifdef __cplusplus
}
#endif

#endif
