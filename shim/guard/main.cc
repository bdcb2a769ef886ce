// SPDX-License-Identifier: MIT
//
// leakshim-guard: waits for the root of a session to end, and ends the session when the root could not do it
// itself (SIGKILL, a crash, a system call that no hook sees).
//
// Guarantees: it ends with the root, within a moment, whatever became of the ledger. It holds no descriptor,
// terminal, directory or environment of anybody's, and nothing but SIGKILL stops it before.
// Must never: end a session whose root lives.
#include <errno.h>

#include "ending.h"
#include "kernel.h"
#include "notice.h"
#include "output.h"
#include "proc.h"
#include "progress.h"
#include "reader.h"
#include "self.h"
#include "sys.h"

namespace leakshim {

namespace {

using ledger::Header;

constexpr int kUsage = 2;
constexpr u64 kEver = 24 * 3600 * kSecond;
constexpr u64 kGlance = 50 * kMillisecond;  // between two looks where there are no pidfds
constexpr int kEnough = 16;                 // descriptors that a reap makes good use of
constexpr int kWakeAll = 0x7fffffff;

ledger::Ledger the_ledger;
ledger::ThreadLease the_lease;
alignas(64) char header_copy[sizeof(Header)];

/// Nothing of the host's is held: no descriptor, no directory, no signal that could end us.
void let_go() {
    u64 mask = 0;
    sys::block_signals(&mask);
    sys::call(SYS_chdir, sys::ptr("/"));
    if (sys::call(SYS_close_range, 0, ~0u, 0) != 0) {
        constexpr int kPlenty = 65536;
        for (int fd = 0; fd < kPlenty; ++fd)
            sys::close(fd);
    }
    reap::real::raise_fd_limit();
    // Nothing is ever printed, so these are only for order: where descriptors are few they go to better use.
    int last = sys::open("/dev/null", O_RDWR);
    for (int fd = 1; fd < kEnough && last >= 0; ++fd)
        last = sys::open("/dev/null", O_RDWR);
    sys::call(SYS_close_range, last == kEnough - 1 ? 3 : 0, ~0u, 0);
}

/// The header as it is now, checked; nullptr when the ledger is no ledger any more.
const Header* checked_header() {
    ledger::MappedSource source(the_ledger);
    auto& copy = *reinterpret_cast<Header*>(header_copy);
    return ledger::read_header(source, copy) == ledger::Verdict::ok ? &copy : nullptr;
}

/// True when the process that bears the root's pid is surely another: by its pidfd's inode, else by its
/// start. What can't be looked at counts as the root, which has just started us.
bool is_another(const Header& header, int pid) {
    ledger::Record* record = the_ledger.at(header.root);
    if (record == nullptr) return false;
    u64 inode = session::pidfd_inode_of(pid);
    bool by_inode = inode != 0 && record->a != 0;
    ProcessStat stat;
    return (by_inode || read_process_stat(pid, stat)) && !ledger::is_made_for(*record, inode, stat.start);
}

void acknowledge(Header& header) {
    header.guard_inode.store(session::pidfd_inode_of(sys::getpid()), std::memory_order_relaxed);
    header.guard_pid.store(sys::getpid(), std::memory_order_relaxed);
    header.guard.store(static_cast<u32>(ledger::Guard::watching), std::memory_order_release);
    constexpr int kFutexWake = 1;
    sys::call(SYS_futex, sys::ptr(&header.guard), kFutexWake, kWakeAll, 0, 0, 0);
}

/// True when the process is surely dead: where there is no pidfd to be had its start time in /proc tells it
/// from the next bearer of its number.
bool is_dead(int pid, u64 start) {
    ProcessStat stat;
    if (read_process_stat(pid, stat)) return stat.dead() || (start != 0 && stat.start != start);
    return sys::process_exists(pid) == -ESRCH;
}

/// Looks, when it is due, whether the run gets on.
void watch_progress(session::Progress& progress, u64& next, int pidfd, int pid) {
    if (!progress.watched() || sys::boottime() < next) return;
    if (progress.look()) give_hang_notice(the_ledger.path(), progress.waited(), pidfd, pid);
    next = sys::boottime() + progress.pause();
}

void wait_for_death(int pidfd, int pid, u64 patience) {
    session::Progress progress(the_ledger, pid, patience);
    u64 next = sys::boottime() + progress.pause();
    struct pollfd death {};
    death.fd = pidfd, death.events = POLLIN;
    while (pidfd >= 0 && sys::poll(&death, 1, progress.watched() ? progress.pause() : kEver) <= 0)
        watch_progress(progress, next, pidfd, pid);
    ProcessStat first;
    u64 start = pidfd < 0 && read_process_stat(pid, first) ? first.start : 0;
    while (pidfd < 0 && !is_dead(pid, start)) {
        sys::sleep(kGlance);
        watch_progress(progress, next, pidfd, pid);
    }
}

void end_session() {
    const Header* header = checked_header();
    if (header == nullptr) return;
    bool ended = header->phase.load() == static_cast<u32>(ledger::Phase::ended);
    if (ended && header->readers.load() == 0) return;
    Options options;
    session::settings_of(*header, options);
    session::Ending ending{.ledger = the_ledger, .lease = the_lease, .options = options, .home = {}};
    if (header->home.size != 0) ending.home = header->home.text;
    ending.how = ledger::EndedBy::guard;
    ending.readers = ended;
    session::end_session(ending);
}

int watch(const char* path) {
    if (the_ledger.attach(path) != 0) return 1;
    const Header* header = checked_header();
    if (header == nullptr) return 1;
    int root = header->root_pid;
    Options options;
    session::settings_of(*header, options);
    int pidfd = sys::pidfd_open(root);
    bool gone = pidfd == -ESRCH || is_another(*header, root);
    acknowledge(*the_ledger.header());
    if (!gone) wait_for_death(pidfd, root, options.hang);
    end_session();
    return 0;
}

}  // namespace

}  // namespace leakshim

int main(int count, char** arguments) {
    if (count < 2 || arguments[1][0] != '/') {
        leakshim::write_harmlessly(
            2,
            "leakshim-guard: is started by leakshim itself, with the absolute path of a "
            "ledger; see leakshim(7)\n");
        return leakshim::kUsage;
    }
    leakshim::let_go();
    return leakshim::watch(arguments[1]);
}
