// SPDX-License-Identifier: MIT
#include "births.h"

#include <sys/wait.h>

#include "leaks.h"
#include "proc.h"
#include "readable.h"
#include "self.h"
#include "shells.h"
#include "sys.h"

namespace leakshim::hooks {

namespace {

using ledger::ProcessTail;
using ledger::Record;
namespace flag = ledger::flag;

/// Children that were waited for before anything was known of them, by another thread or a handler of SIGCHLD
/// that was faster than the hook of fork.
constexpr u32 kEarlyWaits = 8;
constinit std::atomic<u32> early_waits{0};
constinit std::atomic<i32> waited_early[kEarlyWaits]{};

/// Where a process was started is known to its parent, after the child may have registered itself.
void set_site(Record& process, Handle site) {
    if (site != 0) std::atomic_ref<Handle>(process.site).store(site, std::memory_order_relaxed);
}

}  // namespace

void count_birth(u32 by) {
    if (recording()) the_ledger().header()->births.fetch_add(by, std::memory_order_relaxed);
}

void note_child(int pid) {
    if (pid > 0) count_birth(1);
    if (pid > 0 && recording()) know_child(pid);
}

void know_child(int pid) {
    Handle site = take_site(Kind::process);
    if (Record* known = the_ledger().at(ledger::find_process(the_ledger(), pid))) {
        set_site(*known, site);
        return;
    }
    ledger::NewProcess child;
    child.pid = pid;
    child.ppid = the_session().pid;
    child.uid = sys::geteuid();
    child.pidfd_inode = session::pidfd_inode_of(pid);
    child.parent = the_session().self;
    child.flags = flag::kExpected;
    ledger::Author as = author();
    as.site = site;
    as.now = sys::boottime();
    Handle handle = ledger::add_process(as, child);
    // The child registers itself as it starts; where both were at it, its own record stays.
    Record* own =
        handle == 0 ? nullptr : the_ledger().at(ledger::other_record_of(the_ledger(), child, handle));
    if (own == nullptr) return;
    set_site(*own, site);
    ledger::end_process(as, handle, -1);
}

namespace {

/// Ends what is recorded of `pid`; false where nothing is.
bool end_records_of(int pid, int status) {
    // The number may be another process's already, which was born since the wait.
    ProcessStat bearer;
    bool borne = sys::process_exists(pid) != -ESRCH;
    bool known = borne && read_process_stat(pid, bearer);
    bool found = false;
    ledger::for_each_process_record(the_ledger(), pid, [&](Handle handle, Record& record) {
        found = true;
        if (borne && (!known || is_that_process(record, bearer))) return;
        bool expected = (record.flags.load(std::memory_order_relaxed) & flag::kExpected) != 0;
        if (expected) process_state.never_came.fetch_add(1, std::memory_order_relaxed);
        ledger::end_process({the_ledger(), own_lease()}, handle, status);
    });
    return found;
}

/// Whoever writes it down looks here afterwards: of that look and our second one at least one sees the other.
[[gnu::cold]] void note_early_wait(int pid, int status) {
    u32 number = early_waits.fetch_add(1, std::memory_order_relaxed);
    waited_early[number % kEarlyWaits].store(pid, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    end_records_of(pid, status);
}

bool was_waited_for(int pid, u32 before) {
    u32 number = early_waits.load(std::memory_order_relaxed) - before;
    for (u32 i = 0; i < number && i < kEarlyWaits; ++i) {
        u32 place = (before + number - 1 - i) % kEarlyWaits;
        if (waited_early[place].load(std::memory_order_relaxed) == pid) return true;
    }
    return false;
}

}  // namespace

void note_waited(int pid, int status) {
    if (pid <= 0 || !(WIFEXITED(status) || WIFSIGNALED(status)) || !recording()) return;
    if (!end_records_of(pid, status)) note_early_wait(pid, status);
}

namespace {

/// Ends what else the ledger says of the number of a child: an earlier bearer's record, and that of a thread
/// which saw that there is a child.
void end_others(int pid, Handle mine, u64 begun) {
    ledger::for_each_process_record(the_ledger(), pid, [&](Handle handle, Record& record) {
        bool expected = (record.flags.load(std::memory_order_acquire) & flag::kExpected) != 0;
        if (handle != mine && (expected || record.born < begun))
            ledger::end_process({the_ledger(), own_lease()}, handle, -1);
    });
}

Str command_of(Record& process) {
    auto* tail = ledger::tail_of<ProcessTail>(process);
    return {tail->command, tail->command_size <= ledger::kMaxCommand ? tail->command_size : 0};
}

}  // namespace

Shell::Shell(const char* command) {
    if (command == nullptr || !recording() || !readable_text(command)) return;
    key_ = ledger::shell_key(the_session().self, command);
    ledger::tell_shell(author(), key_);
}

bool Shell::over(int status) {
    return key_ != 0 && recording() && ledger::forget_shell(author(), key_, status);
}

ForkedChild::ForkedChild(bool registers_itself) {
    if (!recording()) return;
    ledger::Header& header = *the_ledger().header();
    parent_ = the_session().self;
    scope_ = current_scope();
    header.births.fetch_add(1, std::memory_order_relaxed);
    bool ended = header.phase.load(std::memory_order_acquire) == static_cast<u32>(ledger::Phase::ended);
    if (ended || registers_itself || !forks_are_noticed()) return;
    early_ = early_waits.load(std::memory_order_relaxed);
    begun_ = sys::boottime();
    ledger::NewProcess child;
    child.ppid = the_session().pid;
    child.uid = sys::geteuid();
    child.parent = parent_;
    child.command = command_of(*the_ledger().at(parent_));
    ledger::Author as{the_ledger(), own_lease(), parent_, scope_};
    as.site = take_site(Kind::process);
    as.now = begun_;
    child_ = ledger::begin_fork(as, child);
    if (child_ != 0) generation_ = ledger::generation_of(*the_ledger().at(child_));
}

void ForkedChild::begin() {
    if (parent_ == 0) return;
    if (child_ == 0) return enter_forked_child(parent_, scope_);
    int pid = sys::getpid();
    if (pid == the_session().pid && process_state.mark.load(std::memory_order_acquire)->self != 0)
        return take_back();
    thread_state.forked = child_;
    thread_state.forked_generation = generation_;
    // Read before anything is written there: of a shared mapping a page that is read brings its neighbours
    // along, one that is written does not.
    the_header().retire_epoch.load(std::memory_order_relaxed);
    ledger::claim_fork(*the_ledger().at(child_), pid);
}

/// Of a child that a handler of a signal or of pthread_atfork was faster to register.
void ForkedChild::take_back() {
    ledger::Author as{the_ledger(), own_lease()};
    if (!ledger::abandon_fork(as, child_) && ledger::end_process(as, child_, -1, generation_))
        ledger::count_arrival(the_ledger(), -1);
}

void ForkedChild::born(int pid) {
    if (parent_ == 0) return;
    if (pid < 0) count_birth(~0U);
    if (child_ == 0) return;
    ledger::Author as{the_ledger(), own_lease(), parent_, scope_};
    if (pid < 0) {
        ledger::abandon_fork(as, child_);
        return;
    }
    // Precise: the coarse clock lags on a busy machine, and whoever started after this is taken for another.
    as.now = sys::boottime();
    ledger::commit_fork(as, child_, pid);
    end_others(pid, child_, begun_);
    // Of who has waited for it meanwhile, and our look, at least one sees the other.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (was_waited_for(pid, early_)) ledger::end_process(as, child_, -1, generation_);
}

}  // namespace leakshim::hooks
