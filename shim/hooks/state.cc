// SPDX-License-Identifier: MIT
#include "state.h"

#include "exit.h"
#include "hook.h"
#include "inherit.h"
#include "stack.h"
#include "sys.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18  // Linux 4.14
#endif

namespace leakshim::hooks {

constinit thread_local ThreadState thread_state __attribute__((tls_model("initial-exec"))){};

/// Stands in for the page until there is one: nothing is recorded.
constinit ProcessMark no_mark{};
constinit const std::atomic<u32> never_retired{0};
constinit ProcessState process_state{};

namespace {

using session::Stage;

/// Stands for "no page to be had": recording goes on, only forks that no hook sees are not noticed.
constinit ProcessMark plain_mark{};

template <typename Function>
void find(Function& function, const char* name) {
    function = reinterpret_cast<Function>(find_libc_function(name));
}

void find_libc_functions(LibcFunctions& libc) {
    find(libc.clock_gettime, "clock_gettime");
    find(libc.pthread_self, "pthread_self");
    find(libc.pthread_attr_getdetachstate, "pthread_attr_getdetachstate");
}

void make_mark() {
    if (process_state.mark.load(std::memory_order_relaxed) != &no_mark) return;
    // A mapping of its own: pages may be larger than we know, and nothing else may be wiped.
    long memory =
        sys::mmap(nullptr, ledger::kChunkSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ProcessMark* mark = &plain_mark;
    if (!sys::failed(memory)) {
        mark = reinterpret_cast<ProcessMark*>(memory);
        sys::madvise(mark, ledger::kChunkSize, MADV_WIPEONFORK);
    }
    process_state.mark.store(mark, std::memory_order_release);
}

void set_mark() {
    make_mark();
    if (the_ledger().ready()) process_state.mono_to_boot = the_header().mono_to_boot;
    bool on = process_state.session.stage.load(std::memory_order_relaxed) == Stage::recording;
    process_state.mark.load(std::memory_order_relaxed)->self = on ? process_state.session.self : 0;
    if (on) process_state.retire_epoch.store(&the_header().retire_epoch, std::memory_order_relaxed);
}

/// Opens the short ways to this process's threads; the last thing that is done before it records.
void open_short_ways() {
    bool open = !process_state.stacks && !process_state.shares_memory;
    ProcessMark* mark = process_state.mark.load(std::memory_order_relaxed);
    mark->quick = open ? mark->self : 0;
}

/// Where a process was started its parent knows, but for a fork.
void take_over_site(ledger::Record& record, ledger::Record& other) {
    ledger::Handle site = std::atomic_ref<ledger::Handle>(other.site).load(std::memory_order_relaxed);
    if (site != 0) std::atomic_ref<ledger::Handle>(record.site).store(site, std::memory_order_relaxed);
}

/// In which scope too: that which the parent is in by now may be another.
void take_over_scope(ledger::Record& record, ledger::Record& other) {
    ledger::Handle scope = ledger::tail_of<ledger::ProcessTail>(other)->scope.load(std::memory_order_relaxed);
    ledger::tail_of<ledger::ProcessTail>(record)->scope.store(scope, std::memory_order_relaxed);
    process_state.session.scope.store(scope, std::memory_order_relaxed);
}

/// A process stands for itself alone: its parent may have been at it at the same time, to write down that
/// there is a child.
void complete_own_record() {
    ledger::Handle self = process_state.session.self;
    ledger::Record& record = *the_ledger().at(self);
    constexpr u8 kMarks = ledger::flag::kWanted | ledger::flag::kKeep;
    ledger::for_each_process_record(the_ledger(), process_state.session.pid,
                                    [&](ledger::Handle handle, ledger::Record& other) {
                                        u8 flags = other.flags.load(std::memory_order_acquire);
                                        if (handle == self || (flags & ledger::flag::kExpected) == 0) return;
                                        record.flags.fetch_or(flags & kMarks, std::memory_order_release);
                                        take_over_site(record, other);
                                        take_over_scope(record, other);
                                        ledger::end_process(author(), handle, -1);
                                    });
}

}  // namespace

void close_all_ways() {
    process_state.retire_epoch.store(&never_retired, std::memory_order_relaxed);
    *process_state.mark.load(std::memory_order_acquire) = {};
}

ledger::Handle take_annotation(ledger::Kind kind) {
    if (thread_state.site == 0 || (thread_state.site_kinds >> static_cast<u32>(kind) & 1) == 0) return 0;
    ledger::Handle site = thread_state.site;
    // What opens a file makes a name first and then the descriptor: that is one use.
    bool goes_on = kind == ledger::Kind::temp_file && (thread_state.site_kinds & kDescriptorKinds) != 0;
    if (!goes_on && --thread_state.site_uses == 0) thread_state.site = 0;
    return site;
}

ledger::Handle take_site_slow(ledger::Kind kind) {
    ledger::Handle said = take_annotation(kind);
    return process_state.stacks ? capture_stack(said) : said;
}

void start_process(const session::Startup& startup) {
    Stage untouched = Stage::untouched;
    auto& stage = process_state.session.stage;
    if (!stage.compare_exchange_strong(untouched, Stage::starting, std::memory_order_acq_rel)) return;
    find_libc_functions(process_state.libc);
    session::start(process_state.session, thread_state.lease, startup);
    if (stage.load(std::memory_order_relaxed) == Stage::recording) {
        adopt_inherited_fds();
        // Here and not in our constructor: another library's may call exit before it.
        register_final_handlers();
    }
    set_mark();
    if (stage.load(std::memory_order_relaxed) != Stage::recording) return;
    if (!process_state.session.root) complete_own_record();
    prepare_stacks();
    open_short_ways();
}

void enter_forked_child(ledger::Handle parent, ledger::Handle scope) {
    // A signal handler may have been faster, between the fork and its hook.
    int pid = sys::getpid();
    if (!in_session() || pid == process_state.session.pid) return;
    if (pid == 1) {
        // The first process of another pid namespace: its pids mean other processes to the ledger's readers.
        the_ledger().count(ledger::Counter::left_ledger);
        process_state.session.stage.store(Stage::off, std::memory_order_release);
        return;
    }
    session::Forked forked{parent, scope, thread_state.forked, thread_state.forked_generation};
    thread_state.forked = 0;
    thread_state.thread = 0;
    process_state.threads.store(0, std::memory_order_relaxed);
    process_state.fds.begin_anew();
    bool by_parent = session::start_forked_child(process_state.session, thread_state.lease, forked);
    set_mark();
    if (process_state.session.stage.load(std::memory_order_relaxed) != Stage::recording) return;
    if (!by_parent) complete_own_record();
    // Where its parent has written it down, the place as well.
    ledger::Handle site = forked.record == 0 ? take_site(ledger::Kind::process) : 0;
    ledger::Record& record = *the_ledger().at(process_state.session.self);
    if (site != 0) std::atomic_ref<ledger::Handle>(record.site).store(site, std::memory_order_relaxed);
    open_short_ways();
}

bool forks_are_noticed() {
    ProcessMark* mark = process_state.mark.load(std::memory_order_relaxed);
    return mark != &no_mark && mark != &plain_mark;
}

bool is_untouched_child() {
    // One that has entered the session, by whatever thread, has left its own pid there. ProcessState::mark is
    // not looked at: the page is a new one in each child, and most children end here.
    bool untouched = thread_state.forked != 0 && thread_state.vforked == 0 &&
                     process_state.session.stage.load(std::memory_order_relaxed) == Stage::recording;
    return untouched && sys::getppid() == process_state.session.pid;
}

bool recording_slow() {
    Stage stage = process_state.session.stage.load(std::memory_order_acquire);
    if (stage == Stage::untouched) {
        start_process({nullptr, nullptr});
        return process_state.session.stage.load(std::memory_order_acquire) == Stage::recording;
    }
    if (stage != Stage::recording || thread_state.vforked != 0) return false;
    ProcessMark* mark = process_state.mark.load(std::memory_order_acquire);
    if (mark == &no_mark) return false;  // still in start_process()
    if (process_state.shares_memory && sys::getpid() != process_state.session.pid) return false;
    if (mark->self == 0) {
        if (sys::getpid() == process_state.session.pid) return false;
        enter_forked_child(process_state.session.self, current_scope());
    }
    return process_state.session.stage.load(std::memory_order_relaxed) == Stage::recording;
}

void renew_lease(ledger::ThreadLease& lease) {
    const session::Session& session = process_state.session;
    lease = ledger::ThreadLease{0, lease.busy, session.self, session.image};
    // Of a thread that libc has started for itself (timer_create(2)) nobody sees the end.
    if (thread_state.thread == 0 && sys::gettid() != session.pid) lease.busy = ledger::kNoLease;
}

ledger::Author author() {
    ledger::Author author{the_ledger(), own_lease()};
    author.process = process_state.session.self;
    author.scope = current_scope();
    author.now = now();
    return author;
}

u64 now_by_system_call() {
    return sys::boottime();
}

}  // namespace leakshim::hooks
