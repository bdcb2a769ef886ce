// SPDX-License-Identifier: MIT
//
// What is temporary by its place, and what never is (design: "Not ours").
//
// Temporary: $TMPDIR, /tmp, /var/tmp, /dev/shm and those named in the options. Never: the root's first
// working directory, the work tree that it lies in, $HOME, and whatever may be a path in the root's arguments
// (`of=FILE`, `-oFILE`, `json:FILE`). Where a
// path lies under one of each, the more specific one decides (a checkout under /tmp is no temporary thing; a
// HOME of / does not make /tmp permanent), and of two equal ones the exemption.
#pragma once

#include "policy.h"

namespace leakshim::session {

using policy::is_temporary_place;

/// What holds of every name in a directory.
enum class Place : u8 {
    permanent,
    temporary,
    mixed,  ///< something in it is named in the lists itself: each name is to be asked about
};

/// What is_temporary_place() says of all that lies directly in `directory` (absolute, normalised, of the root
/// directory the empty text), for a session's whole life. Async-signal-safe.
Place place_of_all_in(const ledger::Header& header, Str directory);

/// Fills the header's lists. `home` and `tmpdir` are the variables' values or empty; `extra` the
/// comma-separated `temp-roots` option.
void fill_roots(ledger::Header& header, char** arguments, Str home, Str tmpdir, Str extra);

/// `path` made absolute against `base` (which is absolute and normalised) and freed of `.`, `..` and double
/// slashes, as text only: no symlink is resolved. False when the result does not fit.
bool normalise_path(Str base, Str path, TextBuffer& to);

/// The same with the base in `to` already; an absolute `path` replaces it.
bool append_path(Str path, TextBuffer& to);

/// True when `path` is `directory` or lies below it.
bool is_below(Str path, Str directory);

}  // namespace leakshim::session
