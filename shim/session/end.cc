// SPDX-License-Identifier: MIT
//
// The session's end in its root: nothing of the host may run meanwhile, and its stderr may be its own by now.
#include "ending.h"
#include "output.h"
#include "self.h"
#include "sys.h"

namespace leakshim::session {

namespace {

/// The kernel's own struct of rt_sigaction(2); libc's sigaction would be the host's to replace.
struct KernelAction {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    u64 mask;
};

/// Nothing of the host may run any more while the session ends: its other threads may still take signals, and
/// a SIGCHLD for each process that is reaped would call its handler. The process ends right after.
void quiet_child_signals(bool forget_the_dead) {
    KernelAction action{forget_the_dead ? SIG_IGN : SIG_DFL, 0, nullptr, 0};
    sys::call(SYS_rt_sigaction, SIGCHLD, sys::ptr(&action), 0, sizeof action.mask);
}

/// Another Ctrl-C while we wait: signals are blocked, so it stands in the pending set.
bool interrupted(void*) {
    u64 pending = 0;
    sys::call(SYS_rt_sigpending, sys::ptr(&pending), sizeof pending);
    return (pending & (u64{1} << (SIGINT - 1))) != 0;
}

/// fd 2 is used only when it is still the file that it was at load: the host may have made a data file of it.
bool stderr_is_unchanged(const Session& session) {
    return session.stderr_at_load.known() && file_id(2, "") == session.stderr_at_load;
}

}  // namespace

int end(Session& session, ledger::ThreadLease& lease, int status, ledger::EndedBy how) {
    static std::atomic<bool> done;
    if (done.exchange(true, std::memory_order_acq_rel)) return status;
    u64 mask = 0;
    sys::block_signals(&mask);
    quiet_child_signals(session.adopts_orphans);
    Ending ending{.ledger = session.ledger,
                  .lease = lease,
                  .options = session.options,
                  .home = session.home,
                  .how = how,
                  .status = status,
                  .self = session.self,
                  .in_root = true};
    ending.interrupted = {interrupted, nullptr};
    if (stderr_is_unchanged(session)) ending.report_fd = 2;
    if (ending.report_fd == 2 && is_terminal(2)) ending.progress_fd = 2;
    int wanted = end_session(ending).status;
    session.stage.store(Stage::off, std::memory_order_release);
    sys::restore_signals(&mask);
    return wanted;
}

}  // namespace leakshim::session
