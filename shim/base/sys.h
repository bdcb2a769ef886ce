// SPDX-License-Identifier: MIT
//
// System calls without libc. A host program may export libc's names itself (bash has its own getenv,
// ssh-agent its own closefrom), and our hooks carry libc's names too; what the shim asks of the kernel for
// itself goes through here and through nothing else.
//
// Every function returns what the kernel returned: a result, or -errno. None touches errno, none is a
// cancellation point, all are async-signal-safe.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "types.h"

#if defined(__x86_64__)
#include "syscall_x86_64.h"
#elif defined(__aarch64__)
#include "syscall_aarch64.h"
#else
#error "leakshim knows x86-64 and aarch64 only"
#endif

namespace leakshim::sys {

inline constexpr unsigned long kMaxErrno = 4095;

/// True when `result` is a negated errno.
inline bool failed(long result) {
    return static_cast<unsigned long>(result) >= -kMaxErrno;
}

inline long ptr(const void* p) {
    return reinterpret_cast<long>(p);
}

inline int openat(int dirfd, const char* path, int flags, unsigned mode = 0) {
    return static_cast<int>(call(SYS_openat, dirfd, ptr(path), flags, mode));
}
inline int open(const char* path, int flags, unsigned mode = 0) {
    return openat(AT_FDCWD, path, flags, mode);
}
inline int close(int fd) {
    return static_cast<int>(call(SYS_close, fd));
}
inline long read(int fd, void* to, size_t size) {
    return call(SYS_read, fd, ptr(to), static_cast<long>(size));
}
inline long pread(int fd, void* to, size_t size, i64 offset) {
    return call(SYS_pread64, fd, ptr(to), static_cast<long>(size), offset);
}
inline long write(int fd, const void* from, size_t size) {
    return call(SYS_write, fd, ptr(from), static_cast<long>(size));
}
inline long getdents(int fd, void* to, size_t size) {
    return call(SYS_getdents64, fd, ptr(to), static_cast<long>(size));
}
inline long readlinkat(int dirfd, const char* path, char* to, size_t size) {
    return call(SYS_readlinkat, dirfd, ptr(path), ptr(to), static_cast<long>(size));
}
inline int fcntl(int fd, int command, long argument = 0) {
    return static_cast<int>(call(SYS_fcntl, fd, command, argument));
}
inline int mkdirat(int dirfd, const char* path, unsigned mode) {
    return static_cast<int>(call(SYS_mkdirat, dirfd, ptr(path), mode));
}
inline int unlinkat(int dirfd, const char* path, int flags) {
    return static_cast<int>(call(SYS_unlinkat, dirfd, ptr(path), flags));
}
inline int renameat(int from_dir, const char* from, int to_dir, const char* to) {
    return static_cast<int>(call(SYS_renameat2, from_dir, ptr(from), to_dir, ptr(to), 0));
}
inline int statx(int dirfd, const char* path, int flags, unsigned mask, struct statx* to) {
    return static_cast<int>(call(SYS_statx, dirfd, ptr(path), flags, mask, ptr(to)));
}
inline int ftruncate(int fd, i64 size) {
    return static_cast<int>(call(SYS_ftruncate, fd, size));
}
inline int fallocate(int fd, int mode, i64 offset, i64 size) {
    return static_cast<int>(call(SYS_fallocate, fd, mode, offset, size));
}
inline long getcwd(char* to, size_t size) {
    return call(SYS_getcwd, ptr(to), static_cast<long>(size));
}

/// mmap(2): the address, or -errno as a long; test it with failed().
inline long mmap(void* at, size_t size, int protection, int flags, int fd, i64 offset) {
    return call(SYS_mmap, ptr(at), static_cast<long>(size), protection, flags, fd, offset);
}
inline int munmap(void* at, size_t size) {
    return static_cast<int>(call(SYS_munmap, ptr(at), static_cast<long>(size)));
}
inline long mremap(void* at, size_t old_size, size_t new_size, int flags) {
    return call(SYS_mremap, ptr(at), static_cast<long>(old_size), static_cast<long>(new_size), flags);
}
inline int madvise(void* at, size_t size, int advice) {
    return static_cast<int>(call(SYS_madvise, ptr(at), static_cast<long>(size), advice));
}

inline int getpid() {
    return static_cast<int>(call(SYS_getpid));
}
inline int getppid() {
    return static_cast<int>(call(SYS_getppid));
}
inline int gettid() {
    return static_cast<int>(call(SYS_gettid));
}
inline u32 geteuid() {
    return static_cast<u32>(call(SYS_geteuid));
}

/// kill(2) with a signal of 0 only asks; signals are sent through pidfds (pidfd_send_signal) alone.
inline int process_exists(int pid) {
    return static_cast<int>(call(SYS_kill, pid, 0));
}
/// True when this process has a child of any kind, dead or alive; none is reaped (waitid(2), WNOWAIT).
inline bool has_children() {
    constexpr long kPeek = 0x41000007;  // __WALL | WNOWAIT | WEXITED | WSTOPPED | WNOHANG
    constexpr long kNoChildren = -10;   // -ECHILD
    char info[128] = {};
    return call(SYS_waitid, 0 /* P_ALL */, 0, ptr(info), kPeek, 0) != kNoChildren;
}
inline int pidfd_open(int pid) {
    return static_cast<int>(call(SYS_pidfd_open, pid, 0));
}
inline int pidfd_send_signal(int pidfd, int signal) {
    return static_cast<int>(call(SYS_pidfd_send_signal, pidfd, signal, 0, 0));
}
inline int poll(struct pollfd* fds, size_t count, u64 timeout_ns) {
    struct timespec left {
        static_cast<time_t>(timeout_ns / kSecond), static_cast<long>(timeout_ns % kSecond)
    };
    return static_cast<int>(call(SYS_ppoll, ptr(fds), static_cast<long>(count), ptr(&left), 0, 0));
}
inline void sleep(u64 ns) {
    poll(nullptr, 0, ns);
}

/// Nanoseconds of `clock` (clock_gettime(2)), by a real system call: about 100 ns.
inline u64 clock(int clock) {
    struct timespec now {};
    call(SYS_clock_gettime, clock, ptr(&now));
    return static_cast<u64>(now.tv_sec) * kSecond + static_cast<u64>(now.tv_nsec);
}
/// Nanoseconds since boot, sleep included: the clock that process start times count in.
inline u64 boottime() {
    return clock(CLOCK_BOOTTIME);
}

inline long getrandom(void* to, size_t size) {
    return call(SYS_getrandom, ptr(to), static_cast<long>(size), 0);
}

/// Blocks every signal of the calling thread and stores the old mask; the kernel's mask is eight bytes.
inline void block_signals(u64* old_mask) {
    u64 all = ~u64{0};
    call(SYS_rt_sigprocmask, SIG_SETMASK, ptr(&all), ptr(old_mask), sizeof all);
}
inline void restore_signals(const u64* mask) {
    call(SYS_rt_sigprocmask, SIG_SETMASK, ptr(mask), 0, sizeof *mask);
}

[[noreturn]] inline void exit_group(int status) {
    for (;;)
        call(SYS_exit_group, status);
}

}  // namespace leakshim::sys
