// SPDX-License-Identifier: MIT
//
// Retiring leaked descriptors of a process that goes on: somebody (leakshim-reap, leakshim_scope_reap) has
// marked their records and raised the header's `retire_epoch`, which every hook compares with what it last
// saw.
//
// Guarantees: only this process's own records are looked at; what the record says is held against what the
// descriptor is now, just before; stdio's streams, regular files and the three standard descriptors are left
// alone. It happens at the beginning of a hook, when no descriptor is on its way into its record. A thread
// that closes the very descriptor meanwhile waits until its number is safe.
#include <errno.h>
#include <sys/resource.h>

#include "record.h"
#include "sys.h"

namespace leakshim::hooks {

namespace {

using ledger::Counter;
using ledger::Outcome;
using ledger::Record;
using ledger::State;
namespace flag = ledger::flag;

constexpr int kMaxYields = 20000;

/// How /proc/self/fd names a descriptor of each kind.
struct Look {
    Kind kind;
    Str start;
};
constexpr Look kLooks[] = {
    {Kind::pipe, "pipe:["},
    {Kind::socket, "socket:["},
    {Kind::eventfd, "anon_inode:[eventfd]"},
    {Kind::timerfd, "anon_inode:[timerfd]"},
    {Kind::signalfd, "anon_inode:[signalfd]"},
    {Kind::epoll, "anon_inode:[eventpoll]"},
    {Kind::inotify, "anon_inode:inotify"},
    {Kind::inotify, "anon_inode:[inotify]"},
    {Kind::memfd, "/memfd:"},
    {Kind::pidfd, "anon_inode:[pidfd]"},
    {Kind::pidfd, "pidfd:["},
};

bool is_still(Kind kind, u8 flags, int fd) {
    Text<48> path;
    path.add("/proc/self/fd/").add_decimal(static_cast<u64>(fd));
    char target[32];
    long size = sys::readlinkat(AT_FDCWD, path.c_str(), target, sizeof target);
    if (size <= 0) return false;
    bool found = false;
    for (const Look& look : kLooks)
        found =
            found || (look.kind == kind && starts_with(Str(target, static_cast<size_t>(size)), look.start));
    if (!found || kind != Kind::pipe) return found;
    int mode = sys::fcntl(fd, F_GETFL);
    return mode >= 0 && ((mode & O_ACCMODE) == O_WRONLY) == ((flags & flag::kWriteEnd) != 0);
}

/// A descriptor that can do nothing: closed for its peers, while its number stays taken. Of a process at its
/// limit the limit is raised by one for as long as the call takes.
int open_dead() {
    constexpr int kDead = O_PATH | O_DIRECTORY | O_CLOEXEC;
    int fd = sys::open("/", kDead);
    struct rlimit limit {};
    if (fd != -EMFILE || sys::call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, sys::ptr(&limit)) != 0) return fd;
    struct rlimit more = limit;
    if (++more.rlim_cur > more.rlim_max) return fd;
    if (sys::call(SYS_prlimit64, 0, RLIMIT_NOFILE, sys::ptr(&more), 0) != 0) return fd;
    fd = sys::open("/", kDead);
    sys::call(SYS_prlimit64, 0, RLIMIT_NOFILE, sys::ptr(&limit), 0);
    return fd;
}

bool is_asked_for(int fd, const Record* record) {
    if (fd <= 2 || record == nullptr || record->kind == Kind::file || record->kind == Kind::other_fd)
        return false;
    u8 flags = record->flags.load(std::memory_order_relaxed);
    return (flags & flag::kToRetire) != 0 && (flags & (flag::kStdio | flag::kRetired | flag::kWanted)) == 0;
}

/// The record stays, as the finding that it is, and its process's with it; the number is nobody's business
/// from here on.
void settle(Record& record, u32 word) {
    Record* self = the_ledger().at(the_session().self);
    if (self != nullptr)
        ledger::tail_of<ledger::ProcessTail>(*self)->persistent.fetch_add(1, std::memory_order_relaxed);
    record.flags.fetch_or(flag::kRetired, std::memory_order_relaxed);
    record.outcome.store(Outcome::retired, std::memory_order_relaxed);
    record.state.compare_exchange_strong(word, (word & ~0xffU) | static_cast<u32>(State::reaped),
                                         std::memory_order_acq_rel);
}

void retire_one(int dead, int fd, Handle handle) {
    Record* record = own_record(fd);
    if (!is_asked_for(fd, record)) return;
    u32 word = record->state.load(std::memory_order_acquire);
    // From here on whoever closes the number waits for us.
    if (!process_state.fds.replace(fd, handle, kBeingRetired)) return;
    bool still = is_still(record->kind, record->flags.load(std::memory_order_relaxed), fd);
    // A thread that took itself for the only one, beside one that libc started for itself, may have taken the
    // entry in that very moment (replace_alone()). After the system calls of is_still() that is seen.
    if (process_state.fds.get(fd) != kBeingRetired) return;
    Handle then = 0;
    if (!still) {
        if (the_ledger().release(own_lease(), handle, ledger::generation_of(word)))
            the_ledger().count(Counter::closed_behind);
    } else if (sys::call(SYS_dup3, dead, fd, O_CLOEXEC) >= 0) {
        settle(*record, word);
    } else {
        then = handle;
    }
    process_state.fds.replace(fd, kBeingRetired, then);
}

void retire_all() {
    int dead = open_dead();
    if (dead < 0) return;
    process_state.fds.for_each_own([&](int fd, Handle handle) { retire_one(dead, fd, handle); });
    sys::close(dead);
}

}  // namespace

void retire_marked() {
    if (!retirement_asked() || thread_state.vforked != 0) return;
    auto& seen = process_state.retire_seen;
    const std::atomic<u32>& asked = *process_state.retire_epoch.load(std::memory_order_relaxed);
    if (!recording()) {
        seen.store(asked.load(std::memory_order_acquire), std::memory_order_relaxed);
        return;
    }
    // Another thread may be at it; the mark of a thread that a fork did not copy is no thread's here.
    i32 self = the_session().pid;
    i32 holder = process_state.retiring.load(std::memory_order_acquire);
    if (holder == self || !process_state.retiring.compare_exchange_strong(holder, self)) return;
    u64 mask = 0;
    sys::block_signals(&mask);
    u32 epoch = 0;
    do {
        epoch = asked.load(std::memory_order_acquire);
        seen.store(epoch, std::memory_order_relaxed);
        retire_all();
    } while (asked.load(std::memory_order_acquire) != epoch);
    process_state.retiring.store(0, std::memory_order_release);
    sys::restore_signals(&mask);
}

void wait_for_retirement() {
    i32 self = the_session().pid;
    for (int i = 0; i < kMaxYields && process_state.retiring.load(std::memory_order_acquire) == self; ++i)
        sys::call(SYS_sched_yield);
}

}  // namespace leakshim::hooks
