// SPDX-License-Identifier: MIT
#include "action_log.h"

#include "output.h"
#include "sys.h"

namespace leakshim::session {

namespace {

constexpr int kRefused = -2;

/// The file for appending; kRefused for what is there and is no plain file of ours.
int open_log(Str ledger) {
    Text<560> path;
    path.add(Str(ledger.data(), ledger.size() - Str("ledger").size())).add("log");
    constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    int fd = path.truncated() ? -1 : sys::open(path.c_str(), kFlags, 0600);
    if (fd < 0) return kRefused;
    struct statx st {};
    bool plain = sys::statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) == 0 && S_ISREG(st.stx_mode) &&
                 st.stx_uid == sys::geteuid() && st.stx_nlink == 1;
    if (plain) return fd;
    sys::close(fd);
    return kRefused;
}

}  // namespace

ActionLog::~ActionLog() {
    if (fd_ >= 0) sys::close(fd_);
}

void ActionLog::write(void* self, Str line) {
    auto& log = *static_cast<ActionLog*>(self);
    if (log.fd_ == kUntried) log.fd_ = open_log(log.ledger_);
    if (log.fd_ >= 0) write_harmlessly(log.fd_, line);
}

}  // namespace leakshim::session
