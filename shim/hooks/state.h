// SPDX-License-Identifier: MIT
//
// What the hooks remember: one struct a process, one a thread. Zero-initialised, no constructors, no
// destructors.
#pragma once

#include <pthread.h>

#include "fd_table.h"
#include "session.h"

// Said in so many words, so that the compiler reaches them without the detour through a table.
#pragma GCC visibility push(hidden)

namespace leakshim::hooks {

/// One a thread, in thread-local storage of the initial-exec model (at most 256 bytes: it is carved out of
/// every thread's stack).
struct ThreadState {
    ledger::ThreadLease lease;
    u32 vforked;  ///< > 0 in a vfork child, which runs in its parent's memory: nothing may be recorded
    ledger::Handle lent;    ///< lease.process meanwhile, see enter_vfork()
    ledger::Handle thread;  ///< our thread record, 0 in the first thread
    ledger::Handle scope;   ///< explicit scope of this thread, 0: the process's
    ledger::Handle site;    ///< annotation for the next records, see take_site()
    int exit_status;        ///< handed from quick_exit's hook to its handler
    u32 site_uses;          ///< for how many
    u64 site_kinds;         ///< of which kinds: bit n for ledger::Kind n
    ledger::Handle forked;  ///< in the child of a fork that has not entered the session: its record
    u32 forked_generation;  ///< of that
    u32 confined;     ///< `vforked` of the vfork child that has confined itself (confined.cc), 0: none has
    u64 stack_start;  ///< the mapping that this thread's stack lies in, as last seen (stack.cc)
    u64 stack_end;
};
static_assert(sizeof(ThreadState) <= 256);

extern constinit thread_local ThreadState thread_state __attribute__((tls_model("initial-exec")));

/// Functions of libc that we call and do not hook, found with dlsym(3) at the start; null where libc has
/// none.
struct LibcFunctions {
    int (*clock_gettime)(clockid_t, struct timespec*);
    pthread_t (*pthread_self)();
    int (*pthread_attr_getdetachstate)(const pthread_attr_t*, int*);
};

/// What lies in the page that `ProcessState::mark` points to.
struct ProcessMark {
    ledger::Handle self;   ///< our process, 0 while nothing is recorded
    ledger::Handle quick;  ///< the same where the short ways will do, see in_quick_thread()
};

extern ProcessMark no_mark;
extern const std::atomic<u32> never_retired;

/// One a process. In one page lies all that a start and the child of a fork write: what every hook looks at,
/// the session, and the beginning of the table of descriptors.
struct alignas(4096) ProcessState {
    /// A page that fork gives to the child zeroed (MADV_WIPEONFORK): it says whose memory this is, so that a
    /// child made in a way that no hook sees (_Fork of an old libc, the raw system call) is noticed at its
    /// first hook. Never null.
    std::atomic<ProcessMark*> mark{&no_mark};
    /// Header::retire_epoch of the session, or a word that stays 0 where nothing is recorded; and what was
    /// last seen of it.
    std::atomic<const std::atomic<u32>*> retire_epoch{&never_retired};
    std::atomic<u32> retire_seen;
    std::atomic<i32> retiring;    ///< our pid while a thread is in retire_marked()
    u64 mono_to_boot;             ///< Header::mono_to_boot
    std::atomic<int> threads;     ///< thread records of this process: running, or not joined
    std::atomic<int> never_came;  ///< children that ended without having registered
    LibcFunctions libc = {};
    bool shares_memory = false;  ///< a clone with CLONE_VM runs: our pid must be asked for at every hook
    bool stacks = false;         ///< call stacks are asked for
    bool confined = false;       ///< a filter forbids what it likes: no system call of ours (confined.cc)
    session::Session session;
    FdTable fds;
};
static_assert(offsetof(ProcessState, fds) < 4096 - 256);

extern ProcessState process_state;

bool recording_slow();

/// True in every process of a session, in a vfork child too: where nothing may be written to its parent's
/// memory, the environment of what it executes is still put right.
inline bool in_session() {
    session::Stage stage = process_state.session.stage.load(std::memory_order_acquire);
    return stage == session::Stage::recording || (stage == session::Stage::untouched && recording_slow());
}

/// True when this call is to be recorded: the process is in a session, and this is not a vfork child. Notices
/// a process that was forked behind our back, and starts the shim when a hook runs before our constructor.
inline bool recording() {
    ProcessMark* mark = process_state.mark.load(std::memory_order_acquire);
    if (mark->self == 0 || process_state.shares_memory) [[unlikely]]
        return recording_slow();
    return thread_state.vforked == 0;
}

/// True when the short ways to records of descriptors are open to this thread: it is recording(), and has
/// recorded before; nobody but us runs in our memory, and no call stack is asked for. One comparison stands
/// for all of it. A thread that has recorded nothing finds its lease without a chunk, or an entry that is
/// none of its own, which leads to the long way as well.
inline bool in_quick_thread(const ledger::ThreadLease& lease) {
    return lease.process == process_state.mark.load(std::memory_order_acquire)->quick;
}

/// Nobody's lease. Not 0, which ProcessMark::quick is where the short ways are closed.
inline constexpr ledger::Handle kLentLease = ~ledger::Handle{0};

/// Around a vfork by this thread. Its child runs in our memory, and finds no short way there.
inline void enter_vfork() {
    ThreadState& state = thread_state;
    if (state.vforked++ == 0) state.lent = state.lease.process, state.lease.process = kLentLease;
}
inline void leave_vfork() {
    ThreadState& state = thread_state;
    if (--state.vforked == 0) state.lease.process = state.lent;
}

/// From here on in_quick_thread() is false in this process.
inline void close_short_ways() {
    process_state.mark.load(std::memory_order_acquire)->quick = 0;
}

/// A child runs in our memory beside us from now on.
inline void share_memory() {
    process_state.shares_memory = true;
    close_short_ways();
}

/// True when leaked descriptors of living processes have been marked since this process last looked.
inline bool retirement_asked() {
    return process_state.retire_epoch.load(std::memory_order_relaxed)->load(std::memory_order_relaxed) !=
           process_state.retire_seen.load(std::memory_order_relaxed);
}

/// Retires those of this process (retire.cc). Only where no descriptor was made that is not recorded yet.
/// Async-signal-safe; the callback of session::reap_scope().
[[gnu::cold]] void retire_marked();

/// Waits while another thread is in retire_marked().
[[gnu::cold]] void wait_for_retirement();

/// Starts the shim in this process; called by the constructor, or by the first hook before it.
void start_process(const session::Startup& startup);

/// From here on no hook of this process records anything, by whatever way.
void close_all_ways();

/// In the child of a fork: a process of its own from here on. Called when it does the first thing that is to
/// be recorded; until then it writes nothing.
void enter_forked_child(ledger::Handle parent, ledger::Handle scope);

/// A fork of this process is known as one by its memory alone (ProcessState::mark).
bool forks_are_noticed();

/// In the child of a fork that has done nothing that is to be recorded, and whose parent lives to see it end.
bool is_untouched_child();

inline session::Session& the_session() {
    return process_state.session;
}
inline ledger::Ledger& the_ledger() {
    return process_state.session.ledger;
}
inline const ledger::Header& the_header() {
    return *process_state.session.ledger.header();
}

/// The scope that this thread works in.
inline ledger::Handle current_scope() {
    ledger::Handle scope = thread_state.scope;
    return scope != 0 ? scope : process_state.session.scope.load(std::memory_order_relaxed);
}

/// Who records now. Only valid when recording().
ledger::Author author();

/// The kinds of descriptors, as bits of ThreadState::site_kinds.
inline constexpr u64 kDescriptorKinds = ((u64{2} << static_cast<u32>(ledger::Kind::other_fd)) - 1) &
                                        ~((u64{1} << static_cast<u32>(ledger::Kind::file)) - 1);

ledger::Handle take_site_slow(ledger::Kind kind);
ledger::Handle take_annotation(ledger::Kind kind);

/// Where this thread makes its next `kind`, for Record::site: what the program says, and the call stack where
/// that is asked for; 0 when neither is to be had.
inline ledger::Handle take_site(ledger::Kind kind) {
    if (thread_state.site == 0 && !process_state.stacks) [[likely]]
        return 0;
    return take_site_slow(kind);
}

/// The author of a new `kind`.
inline ledger::Author maker(ledger::Kind kind) {
    ledger::Author made_by = author();
    made_by.site = take_site(kind);
    return made_by;
}

void renew_lease(ledger::ThreadLease& lease);

/// The thread's lease, made this process's own if it was another's (a thread new to us, or the copy after a
/// fork).
inline ledger::ThreadLease& own_lease() {
    ledger::ThreadLease& lease = thread_state.lease;
    if (lease.process != process_state.session.self) [[unlikely]]
        renew_lease(lease);
    return lease;
}

[[gnu::cold]] u64 now_by_system_call();

/// CLOCK_BOOTTIME in ns without a system call, where libc was found: for people to read. It lags by a few ms,
/// on a busy virtual machine by 16 (measured), so that what is held against the kernel's times must come from
/// sys::boottime(). Not by the processor's own counter: to read that takes longer.
inline u64 now() {
    struct timespec time;  // written by the call, which can't fail
    auto clock_gettime = process_state.libc.clock_gettime;
    if (clock_gettime == nullptr) [[unlikely]]
        return now_by_system_call();
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    u64 monotonic = static_cast<u64>(time.tv_sec) * kSecond + static_cast<u64>(time.tv_nsec);
    return monotonic + process_state.mono_to_boot;
}

}  // namespace leakshim::hooks

#pragma GCC visibility pop
