// SPDX-License-Identifier: MIT
#include "cancelled.h"

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
      when_cancelled_(handle_ != 0 && may_be_cancelled() ? cancelled : nullptr, this) {}

Closing::~Closing() {
    // Somebody else may have settled the record while the call lasted.
    if (handle_ != 0 && recording() && state_word(handle_) == word_) release_fd(handle_);
}

/// In the frame of the call that is being unwound, instead of the destructor.
void Closing::cancelled(void* self) {
    auto* closing = static_cast<Closing*>(self);
    bool is_open = sys::fcntl(closing->fd_, F_GETFD) >= 0;
    if (!is_open || !recording() || !process_state.fds.replace(closing->fd_, 0, closing->handle_))
        closing->~Closing();
}

void MakingCancelled::cancelled(void* self) {
    auto* made = static_cast<MakingCancelled*>(self);
    if (recording()) made->making_.unwound(made->named_by_us_);
}

}  // namespace leakshim::hooks
