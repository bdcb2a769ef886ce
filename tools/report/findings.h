// SPDX-License-Identifier: MIT
//
// What the formats for other programs share: which findings there are by test, where in the sources one
// belongs, and one sentence about it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report.h"

namespace leakshim::tools {

/// The findings of one test.
struct TestFindings {
    std::string_view test;   ///< without the phase that pytest appends; empty: outside of any test
    std::vector<u32> items;  ///< indices in Report::items, in the order in which they were made
    u64 errors = 0, warnings = 0;
};

/// Errors, warnings and, if asked for, notes by test, in the order of the first finding of each, but for what
/// a baseline knows. What was made outside of any test comes last, and its entry is there even when it is
/// empty.
std::vector<TestFindings> findings_by_test(const Report& report, bool with_notes);

/// A place in the sources: where the thing was made, else the file of its test.
struct Place {
    std::string file;  ///< relative to the root's working directory where it lies in it; empty: not known
    u32 line = 0;      ///< 0: not known
};
Place place_of(const Report& report, const Item& item);

/// One line of UTF-8 without control characters: what it is, who made it, what was done or why nothing was.
std::string sentence_of(const Report& report, const Item& item, bool redact);

/// The name of the check that found it, for tools that group findings: `leaked-listening-port`; of a warning
/// `open-thread`.
std::string check_name_of(const Item& item);

/// 32 hexadecimal digits that depend on `text` alone. No secret and no proof: a short name.
std::string digest_of(std::string_view text);

/// What tells sessions apart where several are shown as one: `session dae00000`; empty for a single one.
std::string session_label(const Reports& reports, const Report& report);

/// `14 known (baseline FILE)`; empty where nothing is.
std::string known_words(const Reports& reports);

/// `1 leak`, `2 leaks`.
std::string counted(u64 count, std::string_view one, std::string_view many);

}  // namespace leakshim::tools
