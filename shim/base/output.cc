// SPDX-License-Identifier: MIT
#include "output.h"

#include <errno.h>

#include <atomic>

#include "sys.h"

namespace leakshim {

namespace {

constexpr u64 kPatience = kSecond;
/// Once is enough: a report has many lines.
constinit std::atomic<bool> waited_in_vain{false};

// A pipe that poll(2) says is writable takes this much without blocking (pipe(7), PIPE_BUF).
constexpr size_t kMostAtOnce = 4096;

u64 pending_signals() {
    u64 pending = 0;
    sys::call(SYS_rt_sigpending, sys::ptr(&pending), sizeof pending);
    return pending;
}

/// Takes back the signal that a failed write(2) sent to this thread. One that was pending before is the
/// host's.
void take_back(int signal, u64 pending_before) {
    u64 set = u64{1} << (signal - 1);
    if ((pending_before & set) != 0) return;
    struct timespec at_once {};
    sys::call(SYS_rt_sigtimedwait, sys::ptr(&set), 0, sys::ptr(&at_once), sizeof set);
}

/// What write(2) answers, for a part of `text`. The caller has blocked all signals.
long write_some(int fd, Str text) {
    struct pollfd ready {
        fd, POLLOUT, 0
    };
    if (sys::poll(&ready, 1, waited_in_vain.load(std::memory_order_relaxed) ? 0 : kPatience) <= 0) {
        waited_in_vain.store(true, std::memory_order_relaxed);
        return -EAGAIN;
    }
    u64 before = pending_signals();
    long answer = sys::write(fd, text.data(), text.size() < kMostAtOnce ? text.size() : kMostAtOnce);
    if (answer == -EPIPE) take_back(SIGPIPE, before);
    if (answer == -EFBIG) take_back(SIGXFSZ, before);
    return answer;
}

}  // namespace

bool write_harmlessly(int fd, Str text) {
    if (text.empty()) return true;
    u64 mask = 0;
    sys::block_signals(&mask);
    while (!text.empty()) {
        long written = write_some(fd, text);
        if (written <= 0) break;
        text.remove_prefix(static_cast<size_t>(written));
    }
    sys::restore_signals(&mask);
    return text.empty();
}

PiecewiseOutput& PiecewiseOutput::add(Str piece) {
    if (text_.size() + piece.size() >= decltype(text_)::kCapacity) flush();
    if (piece.size() < decltype(text_)::kCapacity)
        text_.add(piece);
    else
        write_harmlessly(fd_, piece);
    return *this;
}

void PiecewiseOutput::flush() {
    write_harmlessly(fd_, text_.str());
    text_.clear();
}

bool is_terminal(int fd) {
    char settings[64];
    constexpr long kTcgets = 0x5401;
    return sys::call(SYS_ioctl, fd, kTcgets, sys::ptr(settings)) == 0;
}

}  // namespace leakshim
