// SPDX-License-Identifier: MIT
//
// Hooks of what confines a process for good (seccomp(2)). A filter may answer any system call that its author
// did not think of by killing the process, and ours are such. From then on nothing is recorded, no call is
// made that the host does not make, and what it executes, which lives under the same filter, is started
// without us.
#include "confined.h"

#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "record.h"

using namespace leakshim;
using namespace leakshim::hooks;

namespace leakshim::hooks {

bool confines(long number, long a) {
    if (number == SYS_seccomp) return a == SECCOMP_SET_MODE_STRICT || a == SECCOMP_SET_MODE_FILTER;
    return number == SYS_prctl && a == PR_SET_SECCOMP;
}

bool confined_by(long number, long b, long result) {
    // seccomp answers the id of a thread that it could not confine, or the descriptor that was asked for.
    bool wants_fd = number == SYS_seccomp && (b & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0;
    return result == 0 || (wants_fd && result > 0);
}

void leave_confined(bool recorded) {
    if (thread_state.vforked != 0) {
        // In the memory of a parent that is not confined: nothing but what this child executes is changed.
        if (thread_state.confined == 0) thread_state.confined = thread_state.vforked;
        if (in_session()) the_ledger().count(ledger::Counter::left_ledger);
        return;
    }
    if (!recorded) return;
    // What it closes from now on is not seen: better nothing than what is wrong.
    forget_range(0, ~0U);
    the_ledger().drop_lease(own_lease());
    the_ledger().count(ledger::Counter::left_ledger);
    process_state.confined = true;
    process_state.session.stage.store(session::Stage::off, std::memory_order_release);
    close_all_ways();
}

}  // namespace leakshim::hooks

HOOK_BODY(int, prctl, (int option, ...)) {
    va_list arguments;
    va_start(arguments, option);
    auto a = va_arg(arguments, unsigned long);
    auto b = va_arg(arguments, unsigned long);
    auto c = va_arg(arguments, unsigned long);
    auto d = va_arg(arguments, unsigned long);
    va_end(arguments);
    auto real = [&] { return REAL(prctl)(option, a, b, c, d); };
    return confines(SYS_prctl, option) ? confine(SYS_prctl, 0, real) : real();
}
