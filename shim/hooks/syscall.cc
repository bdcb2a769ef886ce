// SPDX-License-Identifier: MIT
//
// syscall(): the numbers that have a hook of their own are noted as that hook would. All others never come
// here (syscall_*.S jumps straight to libc), and neither do the forks, which can't be wrapped.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confined.h"
#include "exit.h"
#include "moving.h"

using namespace leakshim;
using namespace leakshim::hooks;

namespace {

constexpr u32 kNumbers = 512;

/// Descriptors that a system call answers, by its kind; none for calls that are no such.
constexpr Kind kind_made_by(long number) {
    switch (number) {
        case SYS_socket:
        case SYS_accept:
        case SYS_accept4:
            return Kind::socket;
        case SYS_eventfd2:
            return Kind::eventfd;
        case SYS_timerfd_create:
            return Kind::timerfd;
        case SYS_epoll_create1:
            return Kind::epoll;
        case SYS_inotify_init1:
            return Kind::inotify;
        case SYS_memfd_create:
            return Kind::memfd;
        case SYS_pidfd_open:
            return Kind::pidfd;
        case SYS_fanotify_init:
        case SYS_userfaultfd:
        case SYS_perf_event_open:
        case SYS_pidfd_getfd:
            return Kind::other_fd;
        default:
            return Kind::none;
    }
}

/// What a system call does to names.
struct NameCall {
    enum class Does : u8 { nothing, make, open, remove, move };
    Does does = Does::nothing;
    Kind kind = Kind::none;  ///< of what it makes
    int dirfd = AT_FDCWD;
    const char* path = nullptr;
    int flags = 0;  ///< of an open or a rename
    int to_dir = AT_FDCWD;
    const char* to = nullptr;
};

constexpr NameCall::Does does_to_names(long number) {
    switch (number) {
#ifdef SYS_open  // only where they were there before those with a directory
        case SYS_mkdir:
        case SYS_mknod:
        case SYS_symlink:
        case SYS_link:
            return NameCall::Does::make;
        case SYS_open:
        case SYS_creat:
            return NameCall::Does::open;
        case SYS_unlink:
        case SYS_rmdir:
            return NameCall::Does::remove;
        case SYS_rename:
            return NameCall::Does::move;
#endif
        case SYS_mkdirat:
        case SYS_mknodat:
        case SYS_symlinkat:
        case SYS_linkat:
            return NameCall::Does::make;
        case SYS_openat:
            return NameCall::Does::open;
        case SYS_unlinkat:
            return NameCall::Does::remove;
        case SYS_renameat:
        case SYS_renameat2:
            return NameCall::Does::move;
        default:
            return NameCall::Does::nothing;
    }
}

constexpr bool has_own_hook(long number) {
    switch (number) {
        case SYS_close:
        case SYS_close_range:
        case SYS_dup:
        case SYS_dup3:
        case SYS_pipe2:
        case SYS_openat2:
        case SYS_exit_group:
        case SYS_seccomp:
        case SYS_prctl:
            return true;
        default:
            return kind_made_by(number) != Kind::none || does_to_names(number) != NameCall::Does::nothing;
    }
}

struct Numbers {
    u8 noted[kNumbers] = {};
    constexpr Numbers() {
        for (u32 i = 0; i < kNumbers; ++i)
            noted[i] = has_own_hook(i);
    }
};

template <typename Pointer>
Pointer as(long word) {
    return reinterpret_cast<Pointer>(word);
}

void note_before(long number, long a, long b, long c) {
    if (number == SYS_close) forget_fd(static_cast<int>(a));
    if (number == SYS_close_range && c == 0) forget_range(static_cast<u32>(a), static_cast<u32>(b));
}

void note_after(long number, long a, long b, long result) {
    Kind kind = kind_made_by(number);
    auto fd = static_cast<int>(result);
    if (kind == Kind::socket) {
        note_fd(fd, kind, 0,
                number == SYS_socket ? socket_word(static_cast<int>(a), static_cast<int>(b)) : 0);
    } else if (kind != Kind::none) {
        note_fd(fd, kind);
    } else if (does_to_names(number) == NameCall::Does::open || number == SYS_openat2) {
        note_fd(fd, Kind::file);
    } else if (number == SYS_dup) {
        note_dup(static_cast<int>(a), fd);
    } else if (number == SYS_dup3) {
        forget_fd(fd);
        note_dup(static_cast<int>(a), fd);
    } else if (number == SYS_pipe2) {
        note_fd(as<const int*>(a)[0], Kind::pipe);
        note_fd(as<const int*>(a)[1], Kind::pipe, ledger::flag::kWriteEnd);
    }
}

/// `number` is one of does_to_names().
NameCall name_call(long number, long a, long b, long c, long d, long e) {
    NameCall call{does_to_names(number)};
    auto at = [&](long dirfd, long path, Kind kind = Kind::none, long flags = 0) {
        call.dirfd = static_cast<int>(dirfd), call.path = as<const char*>(path);
        call.kind = kind, call.flags = static_cast<int>(flags);
    };
    auto to = [&](long dirfd, long path) {
        call.to_dir = static_cast<int>(dirfd), call.to = as<const char*>(path);
    };
    switch (number) {
#ifdef SYS_open
        case SYS_mkdir:
            at(AT_FDCWD, a, Kind::temp_dir);
            break;
        case SYS_mknod:
            at(AT_FDCWD, a, kind_of_node(static_cast<mode_t>(b)));
            break;
        case SYS_symlink:
        case SYS_link:
            at(AT_FDCWD, b, Kind::link);
            break;
        case SYS_open:
            at(AT_FDCWD, a, Kind::temp_file, b);
            break;
        case SYS_creat:
            at(AT_FDCWD, a, Kind::temp_file, O_CREAT | O_WRONLY | O_TRUNC);
            break;
        case SYS_rename:
            to(AT_FDCWD, b);
            [[fallthrough]];
        case SYS_unlink:
        case SYS_rmdir:
            at(AT_FDCWD, a);
            break;
#endif
        case SYS_mkdirat:
            at(a, b, Kind::temp_dir);
            break;
        case SYS_mknodat:
            at(a, b, kind_of_node(static_cast<mode_t>(c)));
            break;
        case SYS_symlinkat:
            at(b, c, Kind::link);
            break;
        case SYS_linkat:
            at(c, d,
               kind_of_link(static_cast<int>(a), reinterpret_cast<const char*>(b), static_cast<int>(e)));
            break;
        case SYS_openat:
            at(a, b, Kind::temp_file, c);
            break;
        case SYS_unlinkat:
            at(a, b);
            break;
        case SYS_renameat:
        case SYS_renameat2:
            at(a, b, Kind::none, number == SYS_renameat2 ? e : 0);
            to(c, d);
            break;
    }
    return call;
}

/// As open(2) in its own hook (open.cc).
template <typename Call>
long around_open(const NameCall& call, long mode, Call real) {
    if (!may_create(call.flags)) return real();
    Making making(call.dirfd, call.path, call.kind);
    if (!making.wanted()) return real();
    int before = errno;
    long fd = REAL(syscall)(SYS_openat, call.dirfd, call.path, call.flags | O_EXCL, mode);
    bool existed = fd < 0 && errno == EEXIST && (call.flags & O_EXCL) == 0;
    making.made(fd >= 0, static_cast<int>(fd));
    if (!existed) return fd;
    errno = before;
    return real();
}

/// Calls that make, move or remove a name: the same objects as in path.cc, around the one call.
template <typename Call>
long around_names(const NameCall& call, long mode, Call real) {
    switch (call.does) {
        case NameCall::Does::open:
            return around_open(call, mode, real);
        case NameCall::Does::make: {
            Making making(call.dirfd, call.path, call.kind);
            long result = real();
            making.made(result == 0);
            return result;
        }
        case NameCall::Does::remove: {
            Leaving leaving(call.dirfd, call.path);
            long result = real();
            leaving.gone(result == 0);
            return result;
        }
        case NameCall::Does::move:
            return move_name(call.dirfd, call.path, call.to_dir, call.to, static_cast<unsigned>(call.flags),
                             real);
        case NameCall::Does::nothing:
            break;
    }
    return real();
}

/// Of a call that opens: the mode of what it makes.
long mode_of(long number, long b, long c, long d) {
#ifdef SYS_open
    if (number == SYS_creat) return b;
    if (number == SYS_open) return c;
#else
    (void)number, (void)b, (void)c;
#endif
    return d;
}

}  // namespace

extern "C" {

__attribute__((visibility("hidden"))) extern const Numbers leakshim_noted_numbers;
const Numbers leakshim_noted_numbers;

__attribute__((visibility("hidden"))) void* leakshim_real_syscall;

__attribute__((visibility("hidden"))) void* leakshim_resolve_syscall() {
    leakshim_real_syscall = real_address(Hook::syscall);
    return leakshim_real_syscall;
}

__attribute__((visibility("hidden"))) long leakshim_noted_syscall(long number, long a, long b, long c, long d,
                                                                  long e, long f) {
    auto real = [&] { return REAL(syscall)(number, a, b, c, d, e, f); };
    if (number == SYS_exit_group && thread_state.vforked == 0) {
        a = leave_process(static_cast<int>(a), ledger::EndedBy::_exit);
    }
    if (confines(number, a)) return confine(number, b, real);
    if (!recording()) return real();
    note_before(number, a, b, c);
    long result = around_names(name_call(number, a, b, c, d, e), mode_of(number, b, c, d), real);
    if (result >= 0 && recording()) note_after(number, a, b, result);
    return result;
}

}  // extern "C"
