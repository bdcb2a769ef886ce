// SPDX-License-Identifier: MIT
#include "wait.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>

#include "open_files.h"

namespace leakshim::tools {

namespace {

constexpr size_t kMostPolled = 4096;

/// aarch64 lacks what newer calls replace: numbers that no call has.
#ifdef SYS_poll
constexpr long kPoll = SYS_poll, kSelect = SYS_select, kEpollWait = SYS_epoll_wait, kPause = SYS_pause,
               kOpen = SYS_open, kVfork = SYS_vfork;
#else
constexpr long kPoll = -10, kSelect = -11, kEpollWait = -12, kPause = -13, kOpen = -14, kVfork = -15;
#endif

const Task* find_task(const std::vector<Task>& tasks, u64 tid) {
    auto found = std::find_if(tasks.begin(), tasks.end(),
                              [&](const Task& task) { return static_cast<u64>(task.tid) == tid; });
    return found == tasks.end() ? nullptr : &*found;
}

/// A futex says which word is waited on, and what it held. glibc joins a thread by waiting, shared, for its
/// tid to vanish; its mutexes hold 2 while somebody waits, and their owner's tid two words on.
void take_futex(int pid, const Task& task, const std::vector<Task>& tasks, Wait& wait) {
    constexpr u64 kContended = 2, kOwnerAt = 8;
    u64 address = task.arguments[0], value = task.arguments[2] & 0xffffffff;
    u64 command = task.arguments[1] & static_cast<u64>(FUTEX_CMD_MASK);
    bool is_private = (task.arguments[1] & FUTEX_PRIVATE_FLAG) != 0;
    wait.kind = WaitKind::wakeup;
    wait.timed = task.arguments[3] != 0;
    u32 word = 0;
    bool readable = read_memory(pid, address, &word, sizeof word);
    if (command == FUTEX_LOCK_PI || command == FUTEX_LOCK_PI2) {
        wait.kind = WaitKind::lock;
        if (readable && find_task(tasks, word & FUTEX_TID_MASK) != nullptr)
            wait.thread = static_cast<int>(word & FUTEX_TID_MASK);
        return;
    }
    const Task* named = find_task(tasks, value);
    if (!is_private && named != nullptr && named->tid != task.tid && (!readable || word == value)) {
        wait.kind = WaitKind::thread;
        wait.thread = named->tid;
        return;
    }
    u32 owner = 0;
    bool may_be_mutex = value == kContended && read_memory(pid, address + kOwnerAt, &owner, sizeof owner);
    if (!may_be_mutex || find_task(tasks, owner) == nullptr || static_cast<int>(owner) == task.tid) return;
    wait.kind = WaitKind::lock;
    wait.thread = static_cast<int>(owner);
}

void take_waitid(int pid, const Task& task, Wait& wait) {
    wait.kind = WaitKind::child;
    auto id = static_cast<int>(task.arguments[1]);
    if (task.arguments[0] == P_PID) wait.child = id;
    if (task.arguments[0] != P_PIDFD) return;
    if (auto file = open_file(pid, id)) wait.child = file->process;
}

void take_polled(int pid, const Task& task, Wait& wait) {
    wait.kind = WaitKind::descriptors;
    size_t count = std::min<u64>(task.arguments[1], kMostPolled);
    std::vector<struct pollfd> polled(count);
    if (count == 0) wait.kind = WaitKind::time;
    if (count == 0 || !read_memory(pid, task.arguments[0], polled.data(), count * sizeof polled[0])) return;
    for (const struct pollfd& one : polled) {
        if (one.fd < 0) continue;
        wait.descriptors.push_back({one.fd, (one.events & POLLIN) != 0, (one.events & POLLOUT) != 0});
    }
}

void take_selected(int pid, const Task& task, Wait& wait) {
    wait.kind = WaitKind::descriptors;
    int count = static_cast<int>(std::min<u64>(task.arguments[0] & 0x7fffffff, kMostPolled));
    size_t bytes = (static_cast<size_t>(count) + 63) / 64 * 8;
    std::vector<u64> sets[2];
    for (int i = 0; i < 2; ++i) {
        sets[i].resize(kMostPolled / 64 + 1);
        u64 address = task.arguments[i + 1];
        if (address != 0 && !read_memory(pid, address, sets[i].data(), bytes))
            sets[i].assign(sets[i].size(), 0);
    }
    for (int fd = 0; fd < count; ++fd) {
        auto bit = [&](int i) { return (sets[i][static_cast<size_t>(fd) / 64] >> (fd % 64) & 1) != 0; };
        if (bit(0) || bit(1)) wait.descriptors.push_back({fd, bit(0), bit(1)});
    }
    if (wait.descriptors.empty()) wait.kind = WaitKind::time;
}

void take_epoll(int pid, const Task& task, Wait& wait) {
    wait.kind = WaitKind::descriptors;
    auto set = open_file(pid, static_cast<int>(task.arguments[0]));
    if (!set) return;
    std::sort(set->watched.begin(), set->watched.end());
    for (int fd : set->watched)
        wait.descriptors.push_back({fd, true, false});
}

void take_descriptor(const Task& task, bool to_read, bool to_write, Wait& wait) {
    wait.kind = WaitKind::descriptors;
    wait.descriptors.push_back({static_cast<int>(task.arguments[0]), to_read, to_write});
}

void take_open(int pid, u64 address, Wait& wait) {
    char name[4096];
    size_t size = 0;
    // A piece at a time: what lies behind the name may not be mapped.
    for (; size < sizeof name - 1 && read_memory(pid, address + size, name + size, 1) && name[size] != '\0';)
        ++size;
    wait.kind = WaitKind::other;
    wait.path.assign(name, size);
}

bool take_reading_or_writing(const Task& task, Wait& wait) {
    switch (task.call) {
        case SYS_read:
        case SYS_readv:
        case SYS_pread64:
        case SYS_recvfrom:
        case SYS_recvmsg:
        case SYS_recvmmsg:
        case SYS_accept:
        case SYS_accept4:
            take_descriptor(task, true, false, wait);
            return true;
        case SYS_write:
        case SYS_writev:
        case SYS_sendto:
        case SYS_sendmsg:
        case SYS_sendmmsg:
        case SYS_connect:
            take_descriptor(task, false, true, wait);
            return true;
        case SYS_flock:
            take_descriptor(task, false, false, wait);
            wait.kind = WaitKind::file_lock;
            return true;
        case SYS_fcntl:
            take_descriptor(task, false, false, wait);
            wait.kind = WaitKind::file_lock;
            return true;
        default:
            return false;
    }
}

bool take_waiting_for_many(int pid, const Task& task, Wait& wait) {
    switch (task.call) {
        case kPoll:
            wait.timed = static_cast<int>(task.arguments[2]) >= 0;
            take_polled(pid, task, wait);
            return true;
        case SYS_ppoll:
            wait.timed = task.arguments[2] != 0;
            take_polled(pid, task, wait);
            return true;
        case kSelect:
        case SYS_pselect6:
            wait.timed = task.arguments[4] != 0;
            take_selected(pid, task, wait);
            return true;
        case kEpollWait:
        case SYS_epoll_pwait:
            wait.timed = static_cast<int>(task.arguments[3]) >= 0;
            take_epoll(pid, task, wait);
            return true;
        case SYS_epoll_pwait2:
            wait.timed = task.arguments[3] != 0;
            take_epoll(pid, task, wait);
            return true;
        default:
            return false;
    }
}

void take_call(int pid, const Task& task, const std::vector<Task>& tasks, Wait& wait) {
    wait.call = call_name(task.call);
    wait.kind = WaitKind::other;
    if (take_reading_or_writing(task, wait) || take_waiting_for_many(pid, task, wait)) return;
    switch (task.call) {
        case SYS_futex:
            return take_futex(pid, task, tasks, wait);
        case SYS_wait4:
            wait.kind = WaitKind::child;
            wait.child = std::max(static_cast<int>(task.arguments[0]), 0);
            return;
        case SYS_waitid:
            return take_waitid(pid, task, wait);
        case kVfork:
        case SYS_clone:
        case SYS_clone3:
            wait.kind = WaitKind::vfork;
            return;
        case SYS_nanosleep:
        case SYS_clock_nanosleep:
            wait.kind = WaitKind::time;
            return;
        case kPause:
        case SYS_rt_sigsuspend:
        case SYS_rt_sigtimedwait:
            wait.kind = WaitKind::signal;
            return;
        case kOpen:
            return take_open(pid, task.arguments[0], wait);
        case SYS_openat:
            return take_open(pid, task.arguments[1], wait);
        default:
            return;
    }
}

/// Where the system call is hidden, the kernel's own function may still be seen.
void take_channel(const Task& task, Wait& wait) {
    const std::string& channel = task.channel;
    auto is_in = [&](std::string_view part) { return channel.find(part) != channel.npos; };
    if (is_in("futex")) wait.kind = WaitKind::wakeup;
    if (is_in("do_wait")) wait.kind = WaitKind::child;
    if (is_in("nanosleep")) wait.kind = WaitKind::time;
    if (is_in("pipe") || is_in("poll") || is_in("select") || is_in("accept") || is_in("recv") || is_in("tty"))
        wait.kind = WaitKind::descriptors;
    if (is_in("sigsuspend") || is_in("sigtimedwait")) wait.kind = WaitKind::signal;
}

}  // namespace

std::string_view wait_kind_name(WaitKind kind) {
    constexpr std::string_view kNames[] = {
        "none",   "unknown", "stopped", "traced",      "ended",     "disk",   "child", "vfork",
        "thread", "lock",    "wakeup",  "descriptors", "file_lock", "signal", "time",  "other"};
    return kNames[static_cast<int>(kind)];
}

Wait wait_of(int pid, const Task& task, const std::vector<Task>& tasks, bool native) {
    Wait wait;
    bool in_call = native && task.call_known && task.call >= 0;
    if (in_call) take_call(pid, task, tasks, wait);
    switch (task.state) {
        case 'R':
            wait = {};
            wait.kind = WaitKind::none;
            break;
        case 'T':
            wait.kind = WaitKind::stopped;
            break;
        case 't':
            wait.kind = WaitKind::traced;
            break;
        case 'Z':
        case 'X':
            wait.kind = WaitKind::ended;
            break;
        case 'D':
            if (wait.kind != WaitKind::vfork) wait.kind = WaitKind::disk;
            break;
        default:
            if (!in_call) take_channel(task, wait);
    }
    return wait;
}

}  // namespace leakshim::tools
