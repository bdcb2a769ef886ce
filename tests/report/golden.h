// SPDX-License-Identifier: MIT
//
// The ledgers that the formats are tested with, from a clean one to one with ten thousand leaks. Each
// function makes one in `directory` and returns its path.
#pragma once

#include <string>

namespace leakshim::test {

inline constexpr int kGoldenRoot = 1234;  ///< pid of the root in ledgers of ended sessions

/// Ended; nothing leaked and nothing to say.
std::string make_clean(const std::string& directory);

/// Ended; a daemon with a port, a socket file in a tree, a child of its own, in one test.
std::string make_daemon(const std::string& directory);

/// Ended; processes that held the run's own stdout and stderr: pipes, files, the terminal.
std::string make_output(const std::string& directory);

/// Ended; a record of every kind, in every final state, and every counter set.
std::string make_everything(const std::string& directory);

/// Ended; names and command lines with escapes, bytes that are no UTF-8, line feeds, secrets.
std::string make_odd_names(const std::string& directory);

/// Ended; names that would be markup, a command or a directive in one of the formats if they got through.
std::string make_traps(const std::string& directory);

/// Ended; `count` leaks of two kinds in many tests.
std::string make_many(const std::string& directory, int count);

/// Ended; processes that are each other's parents, and handles that lead nowhere.
std::string make_cycles(const std::string& directory);

/// The root was killed. `there` is a path that exists and `gone` one that does not; both are recorded as
/// live.
std::string make_dead(const std::string& directory, const std::string& there, const std::string& gone);

}  // namespace leakshim::test
