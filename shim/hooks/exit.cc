// SPDX-License-Identifier: MIT
//
// Hooks of the ways out. A return from main, exit and the last thread's pthread_exit end in a handler that
// was registered first of all and so runs last of all, after every destructor; _exit, quick_exit and abort
// are hooked.
#include "exit.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "departures.h"
#include "record.h"
#include "sys.h"

using namespace leakshim;
using namespace leakshim::hooks;

namespace leakshim::hooks {

namespace {

using ledger::Counter;
using ledger::EndedBy;
namespace flag = ledger::flag;

/// Ordinary end of a process that is not the root: its descriptors die with it. They are counted, and their
/// records go, so that the ledger stays as large as what is live.
void count_what_is_open() {
    u64 fds = 0, sockets = 0, ports = 0;
    process_state.fds.for_each_own([&](int fd, Handle handle) {
        ledger::Record* record = own_record(fd);
        if (record == nullptr) return;
        u8 flags = record->flags.load(std::memory_order_relaxed);
        ++fds;
        sockets += record->kind == Kind::socket;
        ports += (flags & (flag::kBound | flag::kListening)) != 0;
        the_ledger().release(own_lease(), handle);
    });
    ledger::Ledger& ledger = the_ledger();
    if (fds != 0) ledger.count(Counter::fds_at_exit, fds);
    if (sockets != 0) ledger.count(Counter::sockets_at_exit, sockets);
    int threads = process_state.threads.load(std::memory_order_relaxed);
    if (threads > 0) ledger.count(Counter::threads_at_exit, static_cast<u64>(threads));
    if (ports != 0) ledger.count(Counter::ports_at_exit, ports);
}

void end_member(int pid) {
    if (process_state.session.pid != pid) return;
    ledger::Record* self = the_ledger().at(the_session().self);
    if (self == nullptr) return;
    // exit may be called by several threads, and _exit after it: once is enough.
    if ((self->flags.fetch_or(flag::kNoReturn, std::memory_order_acq_rel) & flag::kNoReturn) != 0) return;
    count_what_is_open();
    ledger::note_departure({the_ledger(), own_lease()}, the_session().self);
    // Most children of a fork have recorded nothing: they need not touch one page of code or constants more.
    if (own_lease().chunk != 0) the_ledger().drop_lease(own_lease());
}

void on_final_exit(int status, void*) {
    int wanted = leave_process(status, EndedBy::exit);
    // A nested exit ends with the new status and still flushes stdio (glibc runs what is left of its list).
    if (wanted != status) exit(wanted);
}

/// For a libc that does not tell its exit handlers with which status the process ends.
void at_exit_without_status(void*) {
    constexpr int kNotKnown = -1;
    leave_process(kNotKnown, EndedBy::exit);
}

void end_by_quick_exit() {
    int status = thread_state.exit_status;
    int wanted = leave_process(status, EndedBy::quick_exit);
    if (wanted != status) REAL(_exit)(wanted);
}

void at_final_quick_exit(void*) {
    end_by_quick_exit();
}

/// True when abort will really end the process: a handler of the host might still jump out of it.
bool abort_ends() {
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)();
        u64 mask;
    } action{};
    long answer = sys::call(SYS_rt_sigaction, SIGABRT, 0, sys::ptr(&action), sizeof action.mask);
    return answer == 0 && (action.handler == SIG_DFL || action.handler == SIG_IGN);
}

/// True on an alternate signal stack with less room than a reap takes: those of Rust's runtime, and of most
/// who ask for SIGSTKSZ, have 8 KiB, half of which the signal's own frame may have filled (sigaltstack(2)).
/// Whoever dies there leaves the end to the guard.
bool stack_is_too_small() {
    constexpr u64 kEnough = 24 * 1024;
    stack_t stack{};
    if (sys::call(SYS_sigaltstack, 0, sys::ptr(&stack)) != 0 || (stack.ss_flags & SS_ONSTACK) == 0)
        return false;
    auto here = reinterpret_cast<u64>(__builtin_frame_address(0));
    return here - reinterpret_cast<u64>(stack.ss_sp) < kEnough;
}

}  // namespace

int leave_process(int status, EndedBy how) {
    if (is_untouched_child() || !recording()) return status;
    int pid = sys::getpid();
    if (!session::is_root(process_state.session, pid)) {
        end_member(pid);
        return status;
    }
    if (stack_is_too_small()) return status;
    describe_threads();
    return session::end(process_state.session, own_lease(), status, how);
}

void register_final_handlers() {
    using OnExit = int (*)(void (*)(int, void*), void*);
    using AtExit = int (*)(void (*)(void*), void*, void*);
    using AtQuickExit = int (*)(void (*)(void*), void*);
    using PlainAtQuickExit = int (*)(void (*)());
    if (auto on_exit = reinterpret_cast<OnExit>(find_libc_function("on_exit"))) {
        on_exit(on_final_exit, nullptr);
    } else if (auto at_exit = reinterpret_cast<AtExit>(find_libc_function("__cxa_atexit"))) {
        at_exit(at_exit_without_status, nullptr, nullptr);  // musl
    }
    if (auto at_quick_exit = reinterpret_cast<AtQuickExit>(find_libc_function("__cxa_at_quick_exit"))) {
        at_quick_exit(at_final_quick_exit, nullptr);
    } else if (auto plain = reinterpret_cast<PlainAtQuickExit>(find_libc_function("at_quick_exit"))) {
        plain(end_by_quick_exit);  // musl
    }
}

}  // namespace leakshim::hooks

HOOK_BODY(void, _exit, (int status)) {
    if (thread_state.vforked == 0) status = leave_process(status, ledger::EndedBy::_exit);
    REAL(_exit)(status);
    __builtin_unreachable();
}
HOOK_ALIAS(void, _Exit, _exit, (int status));

HOOK_BODY(void, quick_exit, (int status)) {
    thread_state.exit_status = status;
    REAL(quick_exit)(status);
    __builtin_unreachable();
}

HOOK_BODY(void, abort, (void)) {
    constexpr int kAborted = 128 + SIGABRT;
    if (thread_state.vforked == 0 && recording() && abort_ends())
        leave_process(kAborted, ledger::EndedBy::abort);
    REAL(abort)();
    __builtin_unreachable();
}
