// SPDX-License-Identifier: MIT
//
// Hooks of descriptors: how they come (dup, pipe, eventfd, …) and how they go (close, close_range, dup2 over
// them).
#include <pty.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "cancelled.h"
#include "short_way.h"

using namespace leakshim;
using namespace leakshim::hooks;

namespace {

int noted(int fd, Kind kind) {
    if (fd >= 0) note_fd(fd, kind);
    return fd;
}

void note_pipe(const int* ends) {
    note_fd(ends[0], Kind::pipe);
    note_fd(ends[1], Kind::pipe, ledger::flag::kWriteEnd);
}

/// dup2 closes its target in the same step, so nobody else can get the number in between: all is noted
/// afterwards.
void note_dup_over(int fd, int target) {
    if (fd == target) return;
    forget_fd(target);
    note_dup(fd, target);
}

[[gnu::cold, gnu::noinline]] int close_noted(int fd) {
    LEAKSHIM_LEFT_BY_EXCEPTIONS;
    Closing closing(fd);
    return REAL(close)(fd);
}

[[gnu::cold, gnu::noinline]] int close_among_threads(int fd) {
    return recording() ? close_noted(fd) : REAL(close)(fd);
}

}  // namespace

HOOK_BODY(int, close, (int fd)) {
    if (may_be_cancelled()) [[unlikely]]
        return close_among_threads(fd);
    forget_fd_shortly<true>(fd);
    return REAL(close)(fd);
}
HOOK_ALIAS(int, __close, close, (int fd));

HOOK_BODY(int, close_range, (unsigned first, unsigned last, int flags)) {
    constexpr int kOnlyMarks = 4;  // CLOSE_RANGE_CLOEXEC
    if (first <= last && (flags & kOnlyMarks) == 0 && recording()) forget_range(first, last);
    return REAL(close_range)(first, last, flags);
}

HOOK_BODY(void, closefrom, (int first)) {
    if (recording()) forget_range(first < 0 ? 0 : static_cast<u32>(first), ~0U);
    REAL(closefrom)(first);
}

HOOK_BODY(int, dup, (int fd)) {
    int copy = REAL(dup)(fd);
    return copy >= 0 ? note_dup_shortly(fd, copy) : copy;
}

HOOK_BODY(int, dup2, (int fd, int target)) {
    int result = REAL(dup2)(fd, target);
    if (result >= 0) note_dup_over(fd, target);
    return result;
}
HOOK_ALIAS(int, __dup2, dup2, (int fd, int target));

HOOK_BODY(int, dup3, (int fd, int target, int flags)) {
    int result = REAL(dup3)(fd, target, flags);
    if (result >= 0) note_dup_over(fd, target);
    return result;
}

HOOK_BODY(int, fcntl, (int fd, int command, ...)) {
    va_list arguments;
    va_start(arguments, command);
    void* argument = va_arg(arguments, void*);
    va_end(arguments);
    int result = REAL(fcntl)(fd, command, argument);
    bool copies = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
    if (copies && result >= 0) note_dup(fd, result);
    return result;
}
HOOK_ALIAS(int, fcntl64, fcntl, (int fd, int command, ...));
HOOK_ALIAS(int, __fcntl, fcntl, (int fd, int command, ...));

HOOK_BODY(int, pipe, (int ends[2])) {
    int result = REAL(pipe)(ends);
    if (result == 0 && recording()) note_pipe(ends);
    return result;
}
HOOK_ALIAS(int, __pipe, pipe, (int ends[2]));

HOOK_BODY(int, pipe2, (int ends[2], int flags)) {
    int result = REAL(pipe2)(ends, flags);
    if (result == 0 && recording()) note_pipe(ends);
    return result;
}

HOOK_BODY(int, eventfd, (unsigned value, int flags)) {
    return noted(REAL(eventfd)(value, flags), Kind::eventfd);
}

HOOK_BODY(int, timerfd_create, (clockid_t clock, int flags)) {
    return noted(REAL(timerfd_create)(clock, flags), Kind::timerfd);
}

HOOK_BODY(int, signalfd, (int fd, const sigset_t* mask, int flags)) {
    int result = REAL(signalfd)(fd, mask, flags);
    // With a descriptor given, its mask is changed and nothing is made.
    return fd == -1 ? noted(result, Kind::signalfd) : result;
}

HOOK_BODY(int, epoll_create, (int size)) {
    return noted(REAL(epoll_create)(size), Kind::epoll);
}
HOOK_BODY(int, epoll_create1, (int flags)) {
    return noted(REAL(epoll_create1)(flags), Kind::epoll);
}
HOOK_BODY(int, inotify_init, (void)) {
    return noted(REAL(inotify_init)(), Kind::inotify);
}
HOOK_BODY(int, inotify_init1, (int flags)) {
    return noted(REAL(inotify_init1)(flags), Kind::inotify);
}

HOOK_BODY(int, fanotify_init, (unsigned flags, unsigned event_flags)) {
    return noted(REAL(fanotify_init)(flags, event_flags), Kind::other_fd);
}

HOOK_BODY(int, memfd_create, (const char* name, unsigned flags)) {
    return noted(REAL(memfd_create)(name, flags), Kind::memfd);
}

HOOK_BODY(int, pidfd_open, (pid_t pid, unsigned flags)) {
    return noted(REAL(pidfd_open)(pid, flags), Kind::pidfd);
}

HOOK_BODY(int, pidfd_getfd, (int pidfd, int fd, unsigned flags)) {
    int copy = REAL(pidfd_getfd)(pidfd, fd, flags);
    return noted(copy, kind_of_fd(copy));
}

HOOK_BODY(int, posix_openpt, (int flags)) {
    return noted(REAL(posix_openpt)(flags), Kind::other_fd);
}

HOOK_BODY(int, openpty,
          (int* master, int* slave, char* name, const struct termios* modes, const struct winsize* size)) {
    int result = REAL(openpty)(master, slave, name, modes, size);
    if (result == 0 && recording()) {
        note_fd(*master, Kind::other_fd);
        note_fd(*slave, Kind::other_fd);
    }
    return result;
}

HOOK_BODY(DIR*, opendir, (const char* path)) {
    DIR* directory = REAL(opendir)(path);
    if (directory != nullptr) note_fd(dirfd(directory), Kind::file, ledger::flag::kStdio);
    return directory;
}

HOOK_BODY(int, closedir, (DIR * directory)) {
    if (directory != nullptr) forget_fd(dirfd(directory));
    return REAL(closedir)(directory);
}
