// SPDX-License-Identifier: MIT
#include "liveness.h"

#include <errno.h>

namespace leakshim::reap {

namespace {

using ledger::Header;
using ledger::Phase;

/// A process as a ledger identifies it.
struct Identity {
    int pid;
    u64 inode;  ///< of its pidfd, 0: not known
    u64 born;   ///< boottime at which it was there: what started later only bears its number; 0: not known
};

bool lives(Kernel& kernel, const Identity& identity) {
    ProcessStat stat;
    if (identity.pid <= 0) return false;
    if (!kernel.read_stat(identity.pid, stat)) return kernel.exists(identity.pid);
    if (stat.dead()) return false;
    if (identity.inode != 0) {
        int pidfd = kernel.pidfd_open(identity.pid);
        u64 inode = pidfd >= 0 ? kernel.pidfd_inode(pidfd) : 0;
        if (pidfd >= 0) kernel.close(pidfd);
        if (pidfd == -ESRCH || pidfd == -EINVAL || pidfd == -ENOENT) return false;
        if (inode != 0) return inode == identity.inode;
    }
    return identity.born == 0 || stat.start <= identity.born + kTick;
}

/// The root as its own record has it. The few fields are read by themselves: a walker is large.
Identity root_of(ledger::Source& source, const Header& header) {
    Identity root{header.root_pid, 0, header.created_boottime};
    alignas(ledger::Record) char bytes[sizeof(ledger::Record)];
    if (header.root == 0 || !source.read(ledger::offset_of(header.root), bytes, sizeof bytes)) return root;
    const auto& record = *reinterpret_cast<const ledger::Record*>(bytes);
    bool is_it =
        record.kind == ledger::Kind::process && record.number.load(std::memory_order_relaxed) == root.pid;
    if (is_it) root.inode = record.a;
    return root;
}

}  // namespace

bool same_boot(Kernel& kernel, const Header& header) {
    int fd = kernel.open(AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY);
    if (fd < 0) return false;
    char id[sizeof header.boot_id] = {};
    long size = kernel.read(fd, id, sizeof id - 1);
    kernel.close(fd);
    while (size > 0 && id[size - 1] == '\n')
        id[--size] = '\0';
    return size > 0 && Str(id) == Str(header.boot_id);
}

u64 own_pid_namespace(Kernel& kernel) {
    char buffer[64];
    Str text = kernel.read_link(kernel.self(), "ns/pid", buffer, sizeof buffer);
    take_until(text, '[');
    u64 inode = 0;
    parse_decimal(take_until(text, ']'), inode);
    return inode;
}

Liveness judge_liveness(Kernel& kernel, ledger::Source& source, const Header& header) {
    u32 phase = header.phase.load(std::memory_order_relaxed);
    if (phase == static_cast<u32>(Phase::ended)) return Liveness::ended;
    if (!same_boot(kernel, header)) return Liveness::dead;
    if (header.pid_namespace != own_pid_namespace(kernel)) return Liveness::elsewhere;
    if ((header.flags & ledger::session_flag::kNamed) != 0) return Liveness::live;
    if (lives(kernel, root_of(source, header))) return Liveness::live;
    int guard = header.guard_pid.load(std::memory_order_relaxed);
    if (lives(kernel, {guard, header.guard_inode.load(std::memory_order_relaxed), 0})) return Liveness::live;
    int ender = header.end_pid.load(std::memory_order_relaxed);
    bool in_good_hands = phase == static_cast<u32>(Phase::ending) && lives(kernel, {ender, 0, 0});
    return in_good_hands ? Liveness::live : Liveness::dead;
}

}  // namespace leakshim::reap
