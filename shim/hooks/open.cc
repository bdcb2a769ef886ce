// SPDX-License-Identifier: MIT
//
// Hooks of open(2) in all its names. O_CREAT without O_EXCL does not say whether the file was there before:
// under a temporary root it is tried with O_EXCL first, and as asked when the thing exists.
#include <fcntl.h>
#include <stdarg.h>

#include "cancelled.h"
#include "short_way.h"

using namespace leakshim;
using namespace leakshim::hooks;

namespace {

bool needs_mode(int flags) {
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

/// The open that makes what is not there. That of what exists, which may wait, is not among what we clean up
/// after.
template <typename Call>
[[gnu::noinline]] int open_new(Making& making, int flags, Call real) {
    LEAKSHIM_LEFT_BY_EXCEPTIONS;
    MakingCancelled cancelled(making, false);
    int fd = real(flags | O_EXCL);
    making.made(fd >= 0, fd);
    return fd;
}

template <typename Call>
int open_creating(int dirfd, const char* path, int flags, mode_t mode, Call real) {
    bool owner_only = (flags & O_EXCL) != 0 && mode == 0600;
    Making making(dirfd, path, Kind::temp_file, owner_only ? ledger::flag::kOwnerOnly : 0);
    if (!making.wanted()) return real(flags);
    int before = errno;
    int fd = open_new(making, flags, real);
    bool existed = fd < 0 && errno == EEXIST && (flags & O_EXCL) == 0;
    if (!existed) return fd;
    errno = before;
    return real(flags);
}

/// `real(flags)` makes the real call with these flags.
template <typename Call>
int open_noted(int dirfd, const char* path, int flags, mode_t mode, Call real) {
    int fd = may_create(flags) ? open_creating(dirfd, path, flags, mode, real) : real(flags);
    return fd >= 0 ? note_fd_shortly(fd, Kind::file) : fd;
}

mode_t mode_argument(int flags, va_list arguments) {
    return needs_mode(flags) ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
}

}  // namespace

HOOK_BODY(int, open, (const char* path, int flags, ...)) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_argument(flags, arguments);
    va_end(arguments);
    return open_noted(AT_FDCWD, path, flags, mode, [&](int with) { return REAL(open)(path, with, mode); });
}
HOOK_ALIAS(int, open64, open, (const char* path, int flags, ...));
HOOK_ALIAS(int, __open, open, (const char* path, int flags, ...));
HOOK_ALIAS(int, __open64, open, (const char* path, int flags, ...));

HOOK_BODY(int, openat, (int dirfd, const char* path, int flags, ...)) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_argument(flags, arguments);
    va_end(arguments);
    return open_noted(dirfd, path, flags, mode,
                      [&](int with) { return REAL(openat)(dirfd, path, with, mode); });
}
HOOK_ALIAS(int, openat64, openat, (int dirfd, const char* path, int flags, ...));

// The fortified forms take no mode; libc ends the program when the flags ask for one, and so must we: they
// are passed on as they are.
HOOK_BODY(int, __open_2, (const char* path, int flags)) {
    int fd = REAL(__open_2)(path, flags);
    if (fd >= 0) note_fd(fd, Kind::file);
    return fd;
}

HOOK_BODY(int, __open64_2, (const char* path, int flags)) {
    int fd = REAL(__open64_2)(path, flags);
    if (fd >= 0) note_fd(fd, Kind::file);
    return fd;
}

HOOK_BODY(int, __openat_2, (int dirfd, const char* path, int flags)) {
    int fd = REAL(__openat_2)(dirfd, path, flags);
    if (fd >= 0) note_fd(fd, Kind::file);
    return fd;
}

HOOK_BODY(int, __openat64_2, (int dirfd, const char* path, int flags)) {
    int fd = REAL(__openat64_2)(dirfd, path, flags);
    if (fd >= 0) note_fd(fd, Kind::file);
    return fd;
}

HOOK_BODY(int, creat, (const char* path, mode_t mode)) {
    constexpr int kFlags = O_CREAT | O_WRONLY | O_TRUNC;
    return open_noted(AT_FDCWD, path, kFlags, mode, [&](int with) {
        return (with & O_EXCL) != 0 ? REAL(open)(path, with, mode) : REAL(creat)(path, mode);
    });
}
HOOK_ALIAS(int, creat64, creat, (const char* path, mode_t mode));
