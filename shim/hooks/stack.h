// SPDX-License-Identifier: MIT
//
// The call stack of whoever makes something, where `stacks=fp` or `stacks=unwind` asks for it.
//
// By frame pointers it costs some ten instructions a frame, and sees as far as the code was compiled with
// them (-fno-omit-frame-pointer). By the unwinder, which libc's backtrace(3) loads, it costs some thousand a
// frame, and sees through everything that has unwinding tables.
#pragma once

#include "frames.h"

namespace leakshim::hooks {

/// Gets ready for what the session asks for. In the constructor: backtrace(3) loads libgcc on its first call.
void prepare_stacks();

/// The stack from the host's call down, at most 16 frames, as Record::site; together with `site`, what the
/// program itself said (0: nothing). `site` when there is no stack to be had. Async-signal-safe. Only when
/// recording().
ledger::Handle capture_stack(ledger::Handle site);

}  // namespace leakshim::hooks
