// SPDX-License-Identifier: MIT
#include "hang_watch.h"

#include "file_id.h"
#include "hang_notice.h"
#include "sys.h"

namespace leakshim::tools {

namespace {

u64 patience_of(session::Session& session) {
    bool recording = session.stage.load(std::memory_order_relaxed) == session::Stage::recording;
    if (!recording) return 0;
    u32 guard = session.ledger.header()->guard.load(std::memory_order_relaxed);
    return guard == static_cast<u32>(ledger::Guard::watching) ? 0 : session.options.hang;
}

}  // namespace

HangWatch::HangWatch(session::Session& session, pid_t command)
    : session_(session),
      command_(command),
      progress_(session.ledger, command, patience_of(session)),
      next_(sys::boottime() + progress_.pause()) {}

u64 HangWatch::time_left(u64 otherwise) const {
    if (!progress_.watched()) return otherwise;
    u64 now = sys::boottime();
    u64 left = next_ > now ? next_ - now : 0;
    return left < otherwise ? left : otherwise;
}

void HangWatch::look() {
    if (!progress_.watched() || sys::boottime() < next_) return;
    bool is_ours = session_.stderr_at_load.known() && file_id(2, "") == session_.stderr_at_load;
    if (progress_.look()) {
        Text<32> waited;
        waited.add_duration(progress_.waited());
        give_notice(session_.ledger.path(), waited.c_str(), command_, is_ours ? 2 : -1);
    }
    next_ = sys::boottime() + progress_.pause();
}

}  // namespace leakshim::tools
