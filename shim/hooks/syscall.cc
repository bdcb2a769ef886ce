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

constexpr bool has_own_hook(long number) {
    switch (number) {
        case SYS_close:
        case SYS_close_range:
        case SYS_dup:
        case SYS_dup3:
        case SYS_pipe2:
        case SYS_openat:
        case SYS_openat2:
        case SYS_mkdirat:
        case SYS_unlinkat:
        case SYS_renameat2:
        case SYS_exit_group:
        case SYS_seccomp:
        case SYS_prctl:
            return true;
        default:
            return kind_made_by(number) != Kind::none;
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
    } else if (number == SYS_openat || number == SYS_openat2) {
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

/// Calls that make or remove a name: the same objects as in path.cc, around the one call.
template <typename Call>
long around_names(long number, long a, long b, long c, long d, long e, Call real) {
    auto dirfd = static_cast<int>(a);
    const char* path = as<const char*>(b);
    if (number == SYS_unlinkat) {
        Leaving leaving(dirfd, path);
        long result = real();
        leaving.gone(result == 0);
        return result;
    }
    if (number == SYS_renameat2) {
        return move_name(dirfd, path, static_cast<int>(c), as<const char*>(d), static_cast<unsigned>(e),
                         real);
    }
    bool exclusive = number == SYS_openat && may_create(static_cast<int>(c)) && (c & O_EXCL) != 0;
    if (number != SYS_mkdirat && !exclusive) return real();
    Making making(dirfd, path, number == SYS_mkdirat ? Kind::temp_dir : Kind::temp_file);
    long result = real();
    making.made(result >= 0);
    return result;
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
    long result = around_names(number, a, b, c, d, e, real);
    if (result >= 0 && recording()) note_after(number, a, b, result);
    return result;
}

}  // extern "C"
