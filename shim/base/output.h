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

/// Whether `fd` is a terminal (isatty(3), TCGETS). Async-signal-safe.
bool is_terminal(int fd);

}  // namespace leakshim
