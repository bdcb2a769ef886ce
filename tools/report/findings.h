// SPDX-License-Identifier: MIT
//
// What the formats for other programs share: which findings there are by test, where in the sources one
// belongs, one sentence about it, and a key that is the same in the next run.
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

/// The same for the same leak in the next run: kind, test and name, in which `*` stands for numbers (pids,
/// ports, counters), for UUIDs and other hexadecimal names, and for what looks like the random part of a
/// temporary name.
std::string key_of(const Report& report, const Item& item);

/// The name in a key, as bytes: of a process its command line without secrets, one space between the
/// arguments. A path that lies in a tree that was found bears the tree's name as it is in the tree's own key.
std::string lasting_name_of(const Report& report, const Item& item);

/// `text` as key_of() has it.
std::string without_chance(std::string_view text);

/// A directory or file that mkdtemp(3) or one of its kind made. (A socket file bears the same mark, since it
/// is temporary wherever it lies, but a name of the program's own.)
bool is_from_template(const Item& item);

/// A path that mkdtemp(3) or one of its kind made, with `*` for the part that they chose.
std::string without_template(std::string_view path);

/// 32 hexadecimal digits that depend on `text` alone. No secret and no proof: a short name.
std::string digest_of(std::string_view text);

/// What tells sessions apart where several are shown as one: `session dae00000`; empty for a single one.
std::string session_label(const Reports& reports, const Report& report);

/// `14 known (baseline FILE)`; empty where nothing is.
std::string known_words(const Reports& reports);

/// `1 leak`, `2 leaks`.
std::string counted(u64 count, std::string_view one, std::string_view many);

}  // namespace leakshim::tools
