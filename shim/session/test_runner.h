// SPDX-License-Identifier: MIT
//
// Which programs run tests without saying which one runs: known by their command lines. Pure functions.
#pragma once

#include "text.h"

namespace leakshim::session {

/// True for ctest and `meson test`, each of whose children is a test. `command` has NUL between its
/// arguments.
bool runs_tests_as_children(Str command);

/// True for what `cargo test` has built: each of its tests runs in a thread that bears its name.
bool runs_tests_as_threads(Str command);

/// The name of a test that is known by its command line alone: with blanks, and cut to what a line of a
/// report holds.
void add_test_of_command(Str command, TextBuffer& to);

}  // namespace leakshim::session
