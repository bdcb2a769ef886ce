// SPDX-License-Identifier: MIT
#include "cancelled.h"

#include <errno.h>
#include <sys/wait.h>

#include "carry.h"
#include "leaks.h"
#include "sys.h"

namespace leakshim::hooks {

namespace {

u32 state_word(Handle handle) {
    return handle == 0 ? 0 : the_ledger().at(handle)->state.load(std::memory_order_acquire);
}

}  // namespace

Closing::Closing(int fd)
    : fd_(fd),
      handle_(take_fd(fd)),
      word_(state_word(handle_)),
      when_cancelled_(may_be_cancelled() ? cancelled : nullptr, this) {}

Closing::~Closing() {
    // Somebody else may have settled the record while the call lasted.
    if (handle_ != 0 && recording() && state_word(handle_) == word_) release_fd(handle_);
}

/// In the frame of the call that is being unwound, instead of the destructor.
void Closing::cancelled(void* self) {
    auto* closing = static_cast<Closing*>(self);
    if (closing->handle_ == 0) return;
    bool is_open = sys::fcntl(closing->fd_, F_GETFD) >= 0;
    if (!is_open || !recording() || !process_state.fds.replace(closing->fd_, 0, closing->handle_))
        closing->~Closing();
}

void MakingCancelled::cancelled(void* self) {
    auto* made = static_cast<MakingCancelled*>(self);
    if (made->making_.wanted() && recording()) made->making_.unwound(made->named_by_us_);
}

BirthCancelled::BirthCancelled(void (*when_cancelled)(void* self))
    : pid_(recording() ? the_session().pid : 0), when_cancelled_(when_cancelled, this) {}

bool BirthCancelled::in_parent() const {
    return pid_ != 0 && recording() && the_session().pid == pid_;
}

namespace {

/// Ends the record of a child of ours that registered and is no more, waited for behind our back; false when
/// there is none.
bool end_lost_child() {
    ScopeWalk walk(0, u64{1} << 32);  // no descriptors
    Finding found;
    while (walk.next(found)) {
        if (found.kind != Kind::process) continue;
        ledger::Record& record = *found.record;
        constexpr u8 kNotRegistered = ledger::flag::kExpected | ledger::flag::kBlind;
        if ((record.flags.load(std::memory_order_acquire) & kNotRegistered) != 0) continue;
        if (ledger::tail_of<ledger::ProcessTail>(record)->parent != the_session().self) continue;
        if (sys::process_exists(record.number.load(std::memory_order_relaxed)) != -ESRCH) continue;
        if (record.state.load(std::memory_order_acquire) != found.word) continue;
        ledger::end_process(author(), found.handle, -1, ledger::generation_of(found.word));
        return true;
    }
    return false;
}

/// Has this thread a child, dead or alive? None is waited for (waitid(2)).
bool thread_has_children() {
    constexpr long kPeek = __WNOTHREAD | __WALL | WNOWAIT | WEXITED | WSTOPPED | WNOHANG;
    siginfo_t info;
    return sys::call(SYS_waitid, P_ALL, 0, sys::ptr(&info), kPeek, 0) != -ECHILD;
}

}  // namespace

/// glibc kills its shell and waits for it before we come here, most often before the shell's first
/// instruction. musl leaves it alone, if there is one.
void BirthCancelled::shell_cancelled(void* self) {
    auto* call = static_cast<BirthCancelled*>(self);
    if (!call->in_parent() || call->shell_->over(-1)) return;
    const ledger::Header& header = the_header();
    u32 births = header.births.load(std::memory_order_acquire);
    bool all_came = births == header.arrivals.load(std::memory_order_acquire);
    if (!all_came && !end_lost_child() && !thread_has_children()) count_birth(~0U);
}

void ForkptyCancelled::cancelled(void* self) {
    auto* call = static_cast<ForkptyCancelled*>(self);
    if (!call->in_parent()) return;
    if (call->made_ < 0) return count_birth(~0U);
    *call->given_ = call->made_;
    note_fd(call->made_, Kind::other_fd);
}

}  // namespace leakshim::hooks
