// SPDX-License-Identifier: MIT
//
// Writing to what belongs to the host: its stderr, and files beside the ledger.
//
// Guarantees: nothing that happens to the other end reaches the host. A reader that is gone is no SIGPIPE, a
// file at its RLIMIT_FSIZE no SIGXFSZ, and a pipe or terminal that takes nothing for a second is given up.
// errno is not touched.
#pragma once

#include "text.h"

namespace leakshim {

/// Writes all of `text` to `fd`. False when some of it could not be written. Async-signal-safe.
bool write_harmlessly(int fd, Str text);

/// Pieces of a text, written to `fd` by write_harmlessly() a KiB at a time, the last of them at the end. To
/// be kept on the stack: small, since a thread with a tiny one may end the run.
class PiecewiseOutput {
  public:
    explicit PiecewiseOutput(int fd) : fd_(fd) {}
    ~PiecewiseOutput() { flush(); }
    PiecewiseOutput(const PiecewiseOutput&) = delete;
    PiecewiseOutput& operator=(const PiecewiseOutput&) = delete;

    PiecewiseOutput& add(Str piece);
    void flush();

  private:
    int fd_;
    Text<1024> text_;
};

/// Whether `fd` is a terminal (isatty(3), TCGETS). Async-signal-safe.
bool is_terminal(int fd);

}  // namespace leakshim
