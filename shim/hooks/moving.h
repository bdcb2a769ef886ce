// SPDX-License-Identifier: MIT
//
// What a rename does to records, for renameat2 and its kind as for the bare system call.
#pragma once

#include "record.h"

namespace leakshim::hooks {

/// Renames by `real`, which answers 0 when it has done so; rename(2). What was at `to` is gone, or has
/// changed places with what was at `from` where `flags` has RENAME_EXCHANGE: then each record goes with its
/// thing.
template <typename Call>
auto move_name(int from_dir, const char* from, int to_dir, const char* to, unsigned flags, Call real) {
    constexpr unsigned kExchange = 2;  // RENAME_EXCHANGE, which old headers do not have
    Leaving moved(from_dir, from), other(to_dir, to);
    moved.becomes(to_dir, to, other);
    bool exchanged = (flags & kExchange) != 0;
    if (exchanged) other.becomes(from_dir, from, moved);
    auto result = real();
    if (exchanged)
        other.renamed(result == 0);
    else if (!moved.stays())
        other.gone(result == 0);
    moved.renamed(result == 0);
    return result;
}

}  // namespace leakshim::hooks
