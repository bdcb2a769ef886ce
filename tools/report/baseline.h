// SPDX-License-Identifier: MIT
//
// What is known to leak in a suite that is not clean yet, so that only what is new fails a job. A file of
// text, made to lie beside the tests: a comment, then a line for each key (findings.h) and how many there
// were, sorted, so that a change is a readable difference.
//
//     2 error temp_dir:/tmp/cache-*;test=tests/test_a.py::test_b
//
// Guarantees: a file that makes no sense is refused with its line, and never overwritten; a new one is there
// whole or not at all. What is known becomes a note (Item::known), so no format counts it as a failure.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <map>
#include <string>

#include "report.h"

namespace leakshim::tools {

/// By key, and `error` or `warning`: what was known to be open at the end is not known to outlive it.
struct BaselineKey {
    std::string key;
    std::string degree;
    auto operator<=>(const BaselineKey&) const = default;
};
using Baseline = std::map<BaselineKey, u64>;

/// What to do with the file besides reading it.
enum class BaselineUpdate : u8 {
    none,
    shrink,  ///< lower the counts to what there is; what is new stays new. A file that is not there is made
    grow,    ///< write what there is
};

absl::StatusOr<Baseline> parse_baseline(const std::string& text);
std::string baseline_text(const Baseline& baseline);

/// What there is in all of them together.
Baseline baseline_of(const Reports& reports);

/// The counts of `known`, but no more than there are in `found`.
Baseline shrunk(const Baseline& known, const Baseline& found);

/// Reads `file`, writes it anew if that is asked for, and marks in `reports` what it has: of more than it has
/// of a key, those that were made last are new. The sentence is for exit status 2.
absl::Status use_baseline(const std::string& file, BaselineUpdate update, Reports& reports);

}  // namespace leakshim::tools
