// SPDX-License-Identifier: MIT
//
// Everything that the reaper asks of the system, one method each, so that a test can make any step fail. The
// default is the real thing, by raw system calls (base/sys.h): results or -errno, errno untouched,
// async-signal-safe.
//
// All methods are inline and none is pure: the class needs neither type information nor the C++ run-time
// library.
#pragma once

#include <errno.h>

#include "file_id.h"
#include "layout.h"
#include "pidfd.h"
#include "proc.h"
#include "sys.h"

namespace leakshim::reap {

/// What *ctl(IPC_STAT) says of a System V IPC object.
struct IpcFacts {
    u64 key = 0;
    u64 changed = 0;      ///< creation, or the last IPC_SET (semaphores: SETVAL too), in s
    u64 creator_pid = 0;  ///< shared memory only
    u32 creator_uid = ~0u;
    u32 members = 0;        ///< semaphores in the set
    u64 attached = 0;       ///< shared memory: mappings
    int last_pids[2] = {};  ///< who used it last, as far as is known
};

/// The real system calls behind the longer methods of Kernel.
namespace real {
bool adopts_orphans();
int open_beneath(int dirfd, const char* name, int flags);
bool never_reuses_inodes(int fd);
int target_facts(int dirfd, const char* path, FileFacts& facts);
Str name_of(int fd, char* to, size_t size);
int entry_facts(int dirfd, const char* name, FileFacts& facts);
int chmod_directory(int fd, u32 mode);
int ipc_facts(ledger::Kind kind, int id, IpcFacts& facts);
int ipc_remove(ledger::Kind kind, int id);
int raise_fd_limit();
int try_connect(int fd, int type);
}  // namespace real

class Kernel {
  public:
    // --- Time ---

    virtual u64 boottime() { return sys::boottime(); }
    virtual u64 realtime() { return sys::clock(CLOCK_REALTIME); }
    virtual void sleep(u64 ns) { sys::sleep(ns); }

    // --- Processes ---

    virtual int self() { return sys::getpid(); }
    virtual u32 uid() { return sys::geteuid(); }
    /// True when this process has a child of any kind, dead or alive (one waitid(2) that reaps nothing).
    virtual bool has_children() { return sys::has_children(); }
    /// True when this process is given orphans (prctl(2), PR_SET_CHILD_SUBREAPER).
    virtual bool adopts_orphans() { return real::adopts_orphans(); }
    /// False when the number is nobody's. A zombie has one.
    virtual bool exists(int pid) { return sys::process_exists(pid) != -ESRCH; }
    virtual bool read_stat(int pid, ProcessStat& stat) { return read_process_stat(pid, stat); }
    virtual bool read_signals(int pid, ProcessSignals& signals) { return read_process_signals(pid, signals); }
    virtual Str read_variable(int pid, Str key, char* to, size_t size) {
        return read_process_variable(pid, key, to, size);
    }
    /// /proc/PID/NAME from its start, at most `size` bytes.
    virtual long read_process(int pid, const char* name, char* to, size_t size) {
        return read_process_file(pid, name, to, size);
    }
    virtual Str read_link(int pid, const char* name, char* to, size_t size) {
        return read_process_link(pid, name, to, size);
    }
    virtual int pidfd_open(int pid) { return sys::pidfd_open(pid); }
    virtual u64 pidfd_inode(int pidfd) { return leakshim::pidfd_inode(pidfd); }
    /// Signal 0 only asks whether the process still is.
    virtual int pidfd_signal(int pidfd, int signal) { return sys::pidfd_send_signal(pidfd, signal); }
    virtual int poll(struct pollfd* fds, size_t count, u64 timeout) { return sys::poll(fds, count, timeout); }
    /// Raises the soft limit of descriptors to the hard one: asked for only when there are too few.
    virtual int raise_fd_limit() { return real::raise_fd_limit(); }

    // --- Files ---

    virtual int open(int dirfd, const char* path, int flags) {
        return sys::openat(dirfd, path, flags | O_CLOEXEC | O_NOCTTY);
    }
    /// Opens an entry of a directory, and refuses (-EXDEV, -ELOOP) what lies on another mount or is a
    /// symlink. -ENOSYS where the kernel has no openat2(2).
    virtual int open_beneath(int dirfd, const char* name, int flags) {
        return real::open_beneath(dirfd, name, flags | O_CLOEXEC);
    }
    virtual int close(int fd) { return sys::close(fd); }
    virtual long read(int fd, void* to, size_t size) { return sys::read(fd, to, size); }
    /// Directory entries, as getdents64(2) gives them.
    virtual long read_entries(int fd, void* to, size_t size) { return sys::getdents(fd, to, size); }
    /// Identity and more of what a name stands for, no symlink followed; with the hash of its file handle,
    /// unless `plain_identity`.
    virtual int facts(int dirfd, const char* path, FileFacts& facts) {
        return plain_identity ? real::entry_facts(dirfd, path, facts) : file_facts(dirfd, path, facts);
    }
    /// The names asked about lie where never_reuses_inodes() holds: their handles, a system call each, are
    /// not needed.
    bool plain_identity = false;
    /// The same without the file handle, which costs as much again: for what lies inside a tree.
    virtual int entry_facts(int dirfd, const char* name, FileFacts& facts) {
        return real::entry_facts(dirfd, name, facts);
    }
    /// True when a file of the file system that `fd` is in can't have the inode number and the birth time of
    /// one before it, so that its handle tells nothing more.
    virtual bool never_reuses_inodes(int fd) { return real::never_reuses_inodes(fd); }
    /// Device, inode, birth time and type behind a link (of /proc/PID/fd, /proc/PID/cwd).
    virtual int target_facts(int dirfd, const char* path, FileFacts& facts) {
        return real::target_facts(dirfd, path, facts);
    }
    /// Where an open directory lies, as the kernel sees it; empty where it doesn't tell (no /proc).
    virtual Str name_of(int fd, char* to, size_t size) { return real::name_of(fd, to, size); }
    virtual int unlink(int dirfd, const char* name) { return sys::unlinkat(dirfd, name, 0); }
    virtual int rmdir(int dirfd, const char* name) { return sys::unlinkat(dirfd, name, AT_REMOVEDIR); }
    /// Changes the mode of the very directory that `fd` (O_PATH will do) is open on.
    virtual int chmod_directory(int fd, u32 mode) { return real::chmod_directory(fd, mode); }
    /// Puts `dead` in the place of `fd`: closes it for its peers, while its number can't be given to anybody
    /// else.
    virtual int retire(int dead, int fd) {
        return static_cast<int>(sys::call(SYS_dup3, dead, fd, O_CLOEXEC));
    }
    /// Tries to connect a unix socket of `type` to the socket file that `fd` (O_PATH will do) is open on.
    /// -ECONNREFUSED: no socket is bound to it. -EPROTOTYPE: one of another type is, which has not heard of
    /// it (unix(7)).
    virtual int try_connect(int fd, int type) { return real::try_connect(fd, type); }
    virtual int descriptor_flags(int fd) { return sys::fcntl(fd, F_GETFL); }

    // --- IPC ---

    virtual u64 ipc_namespace() { return leakshim::ipc_namespace(); }
    virtual int ipc_facts(ledger::Kind kind, int id, IpcFacts& facts) {
        return real::ipc_facts(kind, id, facts);
    }
    virtual int ipc_remove(ledger::Kind kind, int id) { return real::ipc_remove(kind, id); }
    /// The process that last changed a semaphore (semctl(2), GETPID).
    virtual int semaphore_pid(int id, u32 member) {
        constexpr int kGetPid = 11;
        return static_cast<int>(sys::call(SYS_semctl, id, static_cast<long>(member), kGetPid, 0));
    }
    /// `name` is without its leading slash, as the kernel wants it.
    virtual int queue_open(const char* name) {
        return static_cast<int>(
            sys::call(SYS_mq_open, sys::ptr(name), O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0, 0));
    }
    virtual int queue_unlink(const char* name) {
        return static_cast<int>(sys::call(SYS_mq_unlink, sys::ptr(name)));
    }
};

}  // namespace leakshim::reap
