// SPDX-License-Identifier: MIT
#include "kernel.h"

#include <linux/openat2.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/vfs.h>

namespace leakshim::reap::real {

namespace {

int control(long number, int id, int command, void* to) {
    if (number == SYS_semctl) return static_cast<int>(sys::call(number, id, 0, command, sys::ptr(to)));
    return static_cast<int>(sys::call(number, id, command, sys::ptr(to)));
}

long control_number(ledger::Kind kind) {
    if (kind == ledger::Kind::sysv_shm) return SYS_shmctl;
    return kind == ledger::Kind::sysv_sem ? SYS_semctl : SYS_msgctl;
}

}  // namespace

bool adopts_orphans() {
    constexpr long kGetChildSubreaper = 37;
    int answer = 0;
    return sys::call(SYS_prctl, kGetChildSubreaper, sys::ptr(&answer), 0, 0, 0) == 0 && answer != 0;
}

int open_beneath(int dirfd, const char* name, int flags) {
    struct open_how how {};
    how.flags = static_cast<u64>(flags);
    how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH;
    return static_cast<int>(sys::call(SYS_openat2, dirfd, sys::ptr(name), sys::ptr(&how), sizeof how));
}

int entry_facts(int dirfd, const char* name, FileFacts& facts) {
    int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;
    unsigned mask = STATX_TYPE | STATX_MODE | STATX_UID | STATX_INO | STATX_NLINK | STATX_BLOCKS |
                    STATX_BTIME | kUniqueMountId;
    return statx_facts(dirfd, name, flags, mask, facts);
}

bool never_reuses_inodes(int fd) {
    // tmpfs counts its inodes up, in 32 bits at least: the same number comes again after more creations than
    // fit into one tick of the clock that birth times are read from, by a factor of a million.
    constexpr long kTmpfsMagic = 0x01021994;
    struct statfs fs {};
    return sys::call(SYS_fstatfs, fd, sys::ptr(&fs)) == 0 && fs.f_type == kTmpfsMagic;
}

int target_facts(int dirfd, const char* path, FileFacts& facts) {
    return statx_facts(dirfd, path, AT_NO_AUTOMOUNT, STATX_TYPE | STATX_INO | STATX_NLINK | STATX_BTIME,
                       facts);
}

Str name_of(int fd, char* to, size_t size) {
    Text<40> link;
    link.add("/proc/self/fd/").add_decimal(static_cast<u64>(fd));
    long got = sys::readlinkat(AT_FDCWD, link.c_str(), to, size);
    return got < 0 ? Str{} : Str(to, static_cast<size_t>(got));
}

int chmod_directory(int fd, u32 mode) {
    // fchmod(2) refuses an O_PATH descriptor, and no other can be had of a directory that may not be read.
    // Where fchmodat2(2) (Linux 6.6) is missing, the link in /proc leads to the very directory, whatever its
    // name is now.
    constexpr long kFchmodat2 = 452;
    long answer = sys::call(kFchmodat2, fd, sys::ptr(""), mode, AT_EMPTY_PATH);
    if (answer != -ENOSYS && answer != -EPERM) return static_cast<int>(answer);
    Text<48> path;
    path.add("/proc/self/fd/").add_decimal(static_cast<u64>(fd));
    return static_cast<int>(sys::call(SYS_fchmodat, AT_FDCWD, sys::ptr(path.c_str()), mode));
}

int ipc_facts(ledger::Kind kind, int id, IpcFacts& facts) {
    union {
        struct shmid_ds shm;
        struct semid_ds sem;
        struct msqid_ds msg;
    } data{};
    int answer = control(control_number(kind), id, IPC_STAT, &data);
    if (answer < 0) return answer;
    facts = IpcFacts{};
    const struct ipc_perm& owner = data.shm.shm_perm;  // the first member of all three
    facts.key = static_cast<u32>(owner.__key);
    facts.creator_uid = owner.cuid;
    if (kind == ledger::Kind::sysv_shm) {
        facts.changed = static_cast<u64>(data.shm.shm_ctime);
        facts.creator_pid = static_cast<u64>(data.shm.shm_cpid);
        facts.attached = data.shm.shm_nattch;
        facts.last_pids[0] = data.shm.shm_lpid;
    } else if (kind == ledger::Kind::sysv_sem) {
        facts.changed = static_cast<u64>(data.sem.sem_ctime);
        facts.members = static_cast<u32>(data.sem.sem_nsems);
    } else {
        facts.changed = static_cast<u64>(data.msg.msg_ctime);
        facts.last_pids[0] = data.msg.msg_lspid;
        facts.last_pids[1] = data.msg.msg_lrpid;
    }
    return 0;
}

int ipc_remove(ledger::Kind kind, int id) {
    return control(control_number(kind), id, IPC_RMID, nullptr);
}

int raise_fd_limit() {
    struct rlimit limit {};
    int answer = static_cast<int>(sys::call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, sys::ptr(&limit)));
    if (answer < 0 || limit.rlim_cur == limit.rlim_max) return answer < 0 ? answer : -EMFILE;
    limit.rlim_cur = limit.rlim_max;
    return static_cast<int>(sys::call(SYS_prlimit64, 0, RLIMIT_NOFILE, sys::ptr(&limit), 0));
}

int try_connect(int fd, int type) {
    // The link in /proc leads to the very file, however long its path is.
    struct sockaddr_un address {};
    address.sun_family = AF_UNIX;
    TextBuffer path(address.sun_path, sizeof address.sun_path);
    path.add("/proc/self/fd/").add_decimal(static_cast<u64>(fd));
    constexpr int kFlags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    auto probe = static_cast<int>(sys::call(SYS_socket, AF_UNIX, type | kFlags, 0));
    if (probe < 0) return probe;
    long answer = sys::call(SYS_connect, probe, sys::ptr(&address), sizeof address);
    sys::close(probe);
    return static_cast<int>(answer);
}

}  // namespace leakshim::reap::real
