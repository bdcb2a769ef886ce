// SPDX-License-Identifier: MIT
//
// Hooks of names in the file system: what makes one (mkdir, mkdtemp, symlink, …), moves one or takes one
// away.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cancelled.h"
#include "moving.h"

using namespace leakshim;
using namespace leakshim::hooks;

namespace {

constexpr u8 kByName = ledger::flag::kByName;

/// A call that makes `path` and answers 0.
template <typename Call>
int make_name(int dirfd, const char* path, Kind kind, Call real, u8 flags = 0) {
    Making making(dirfd, path, kind, flags);
    int result = real();
    making.made(result == 0);
    return result;
}

/// mkstemp and its kind: a template that is filled in, and a descriptor.
template <typename Call>
int make_temp_file(const char* name, Call real) {
    LEAKSHIM_LEFT_BY_EXCEPTIONS;
    Making making(AT_FDCWD, name, Kind::temp_file, kByName);
    MakingCancelled cancelled(making, true);
    int fd = real();
    making.made(fd >= 0, fd);
    if (fd >= 0) note_fd(fd, Kind::file);
    return fd;
}

template <typename Call>
int remove_name(int dirfd, const char* path, Call real) {
    Leaving leaving(dirfd, path);
    int result = real();
    leaving.gone(result == 0);
    return result;
}

u8 flags_of_directory(mode_t mode) {
    return mode == 0700 ? ledger::flag::kOwnerOnly : 0;
}

}  // namespace

HOOK_BODY(int, mkdir, (const char* path, mode_t mode)) {
    return make_name(
        AT_FDCWD, path, Kind::temp_dir, [&] { return REAL(mkdir)(path, mode); }, flags_of_directory(mode));
}

HOOK_BODY(int, mkdirat, (int dirfd, const char* path, mode_t mode)) {
    return make_name(
        dirfd, path, Kind::temp_dir, [&] { return REAL(mkdirat)(dirfd, path, mode); },
        flags_of_directory(mode));
}

HOOK_BODY(char*, mkdtemp, (char* name)) {
    Making making(AT_FDCWD, name, Kind::temp_dir, kByName);
    char* result = REAL(mkdtemp)(name);
    making.made(result != nullptr);
    return result;
}

HOOK_BODY(int, mkstemp, (char* name)) {
    return make_temp_file(name, [&] { return REAL(mkstemp)(name); });
}
HOOK_ALIAS(int, mkstemp64, mkstemp, (char* name));

HOOK_BODY(int, mkostemp, (char* name, int flags)) {
    return make_temp_file(name, [&] { return REAL(mkostemp)(name, flags); });
}
HOOK_ALIAS(int, mkostemp64, mkostemp, (char* name, int flags));

HOOK_BODY(int, mkstemps, (char* name, int suffix)) {
    return make_temp_file(name, [&] { return REAL(mkstemps)(name, suffix); });
}
HOOK_ALIAS(int, mkstemps64, mkstemps, (char* name, int suffix));

HOOK_BODY(int, mkostemps, (char* name, int suffix, int flags)) {
    return make_temp_file(name, [&] { return REAL(mkostemps)(name, suffix, flags); });
}
HOOK_ALIAS(int, mkostemps64, mkostemps, (char* name, int suffix, int flags));

HOOK_BODY(int, mkfifo, (const char* path, mode_t mode)) {
    return make_name(AT_FDCWD, path, Kind::fifo, [&] { return REAL(mkfifo)(path, mode); });
}

HOOK_BODY(int, mkfifoat, (int dirfd, const char* path, mode_t mode)) {
    return make_name(dirfd, path, Kind::fifo, [&] { return REAL(mkfifoat)(dirfd, path, mode); });
}

HOOK_BODY(int, mknod, (const char* path, mode_t mode, dev_t device)) {
    return make_name(AT_FDCWD, path, kind_of_node(mode), [&] { return REAL(mknod)(path, mode, device); });
}

HOOK_BODY(int, mknodat, (int dirfd, const char* path, mode_t mode, dev_t device)) {
    return make_name(dirfd, path, kind_of_node(mode),
                     [&] { return REAL(mknodat)(dirfd, path, mode, device); });
}

HOOK_BODY(int, __xmknod, (int version, const char* path, mode_t mode, dev_t* device)) {
    return make_name(AT_FDCWD, path, kind_of_node(mode),
                     [&] { return REAL(__xmknod)(version, path, mode, device); });
}

HOOK_BODY(int, __xmknodat, (int version, int dirfd, const char* path, mode_t mode, dev_t* device)) {
    return make_name(dirfd, path, kind_of_node(mode),
                     [&] { return REAL(__xmknodat)(version, dirfd, path, mode, device); });
}

HOOK_BODY(int, symlink, (const char* target, const char* path)) {
    return make_name(AT_FDCWD, path, Kind::link, [&] { return REAL(symlink)(target, path); });
}

HOOK_BODY(int, symlinkat, (const char* target, int dirfd, const char* path)) {
    return make_name(dirfd, path, Kind::link, [&] { return REAL(symlinkat)(target, dirfd, path); });
}

HOOK_BODY(int, link, (const char* from, const char* path)) {
    return make_name(AT_FDCWD, path, Kind::link, [&] { return REAL(link)(from, path); });
}

HOOK_BODY(int, linkat, (int from_dir, const char* from, int dirfd, const char* path, int flags)) {
    return make_name(dirfd, path, kind_of_link(from_dir, from, flags),
                     [&] { return REAL(linkat)(from_dir, from, dirfd, path, flags); });
}

HOOK_BODY(int, rename, (const char* from, const char* to)) {
    return move_name(AT_FDCWD, from, AT_FDCWD, to, 0, [&] { return REAL(rename)(from, to); });
}

HOOK_BODY(int, renameat, (int from_dir, const char* from, int to_dir, const char* to)) {
    return move_name(from_dir, from, to_dir, to, 0,
                     [&] { return REAL(renameat)(from_dir, from, to_dir, to); });
}

HOOK_BODY(int, renameat2, (int from_dir, const char* from, int to_dir, const char* to, unsigned flags)) {
    return move_name(from_dir, from, to_dir, to, flags,
                     [&] { return REAL(renameat2)(from_dir, from, to_dir, to, flags); });
}

HOOK_BODY(int, unlink, (const char* path)) {
    return remove_name(AT_FDCWD, path, [&] { return REAL(unlink)(path); });
}

HOOK_BODY(int, unlinkat, (int dirfd, const char* path, int flags)) {
    return remove_name(dirfd, path, [&] { return REAL(unlinkat)(dirfd, path, flags); });
}

HOOK_BODY(int, rmdir, (const char* path)) {
    return remove_name(AT_FDCWD, path, [&] { return REAL(rmdir)(path); });
}

HOOK_BODY(int, remove, (const char* path)) {
    return remove_name(AT_FDCWD, path, [&] { return REAL(remove)(path); });
}
