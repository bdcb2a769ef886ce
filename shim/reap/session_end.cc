// SPDX-License-Identifier: MIT
#include "session_end.h"

#include "reaping.h"

namespace leakshim::reap {

namespace {

using ledger::Header;
using ledger::Phase;

bool is_at_it(Kernel& kernel, int pid) {
    ProcessStat stat;
    return pid == kernel.self() || (kernel.read_stat(pid, stat) && !stat.dead());
}

/// `end_pid` is the lock: taken by the one who ends the session, and from him if he died at it.
Finish claim(const Request& request, Header& header) {
    for (;;) {
        bool ended = header.phase.load(std::memory_order_acquire) == static_cast<u32>(Phase::ended);
        if (ended && !request.again && !request.readers_only) return Finish::ended_already;
        i32 owner = header.end_pid.load(std::memory_order_acquire);
        if (owner != 0 && is_at_it(request.kernel, owner)) return Finish::in_progress;
        if (header.end_pid.compare_exchange_strong(owner, request.kernel.self(), std::memory_order_acq_rel))
            break;
    }
    return Finish::done;
}

void store(Header& header, const Result& result) {
    header.errors.store(result.errors, std::memory_order_relaxed);
    header.warnings.store(result.warnings, std::memory_order_relaxed);
    header.notes.store(result.notes, std::memory_order_relaxed);
}

}  // namespace

Finish finish_session(const Request& request, ledger::EndedBy ended_by, i32 exit_status, Result& result) {
    Header& header = *request.ledger.header();
    bool here = request.in_root || header.pid_namespace == own_pid_namespace(request.kernel);
    if (!here && same_boot(request.kernel, header)) return Finish::not_ours;
    Finish finish = claim(request, header);
    if (finish != Finish::done) {
        if (finish == Finish::ended_already) result = count_findings(request.ledger);
        return finish;
    }
    bool ended_before = header.phase.load(std::memory_order_acquire) == static_cast<u32>(Phase::ended);
    if (!ended_before) header.phase.store(static_cast<u32>(Phase::ending), std::memory_order_release);
    result = reap(request);
    store(header, result);
    header.readers.store(result.readers, std::memory_order_relaxed);
    request.judged();
    if (!ended_before) {
        header.ended_by.store(ended_by, std::memory_order_relaxed);
        header.exit_status.store(final_status(header, exit_status, result), std::memory_order_relaxed);
        header.ended_realtime.store(request.kernel.realtime(), std::memory_order_relaxed);
        header.phase.store(static_cast<u32>(Phase::ended), std::memory_order_release);
    }
    header.end_pid.store(0, std::memory_order_release);
    return Finish::done;
}

int final_status(const Header& header, int status, const Result& result) {
    bool fail = (header.flags & ledger::session_flag::kFail) != 0;
    return fail && status == 0 && result.errors != 0 ? kLeakStatus : status;
}

}  // namespace leakshim::reap
