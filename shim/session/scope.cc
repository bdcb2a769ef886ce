// SPDX-License-Identifier: MIT
#include "scope.h"

#include "action_log.h"
#include "ending.h"
#include "kernel.h"
#include "rulebook.h"
#include "sys.h"

namespace leakshim::session {

namespace {

/// Who is at it, by pid: a fork may copy the mark of a thread that the child does not have.
constinit std::atomic<i32> busy_pid{0};

bool take(i32 self) {
    i32 holder = busy_pid.load(std::memory_order_acquire);
    return holder != self && busy_pid.compare_exchange_strong(holder, self, std::memory_order_acq_rel);
}

}  // namespace

bool reap_scope(Session& session, ledger::ThreadLease& lease, ledger::Handle scope, reap::Callback retire,
                reap::Result& result) {
    i32 self = sys::getpid();
    bool recording = session.stage.load(std::memory_order_acquire) == Stage::recording && session.pid == self;
    if (!recording || scope == 0 || !take(self)) return false;
    const Rulebook* book = rules_in_force(session);
    if (book == nullptr) {
        busy_pid.store(0, std::memory_order_release);
        return false;
    }
    u64 mask = 0;
    sys::block_signals(&mask);
    Options options;
    settings_of(*session.ledger.header(), options);
    if (!book->complete) options.reap = false;
    reap::Kernel kernel;
    ActionLog log(session.ledger.path());
    reap::Request request{.ledger = session.ledger,
                          .lease = lease,
                          .options = options,
                          .rules = book->rules,
                          .kernel = kernel,
                          .self = session.self,
                          .progress = {},
                          .interrupted = {},
                          .log = log.sink(),
                          .scope = scope,
                          .retire = retire};
    result = reap::reap(request);
    sys::restore_signals(&mask);
    busy_pid.store(0, std::memory_order_release);
    return true;
}

}  // namespace leakshim::session
