// SPDX-License-Identifier: MIT
//
// The settings of a session: LEAKSHIM, CI, LEAKSHIM_OPTIONS, LEAKSHIM_RULES, LEAKSHIM_DIR, LEAKSHIM_KEEP,
// read from an environment block that the caller found (never from getenv: a host may export its own). One
// table (options.inc) makes the defaults, the parser, the text of `help=1` and the table of the man page.
//
// Bad input never stops the host: an unknown mode, key or value is one loud sentence in `complaints`, and the
// default stays in force.
#pragma once

#include "text.h"

namespace leakshim {

enum class TempPolicy : u8 { by_ci, keep, reap, keep_on_failure };

/// How call stacks are taken.
enum class Stacks : u8 { off, fp, unwind };

/// The types that options.inc names.
namespace option {
using Switch = bool;
using Number = u64;
using Duration = u64;  ///< ns
using List = Str;      ///< separated by commas; take_until(list, ',') walks it
using TempPolicy = leakshim::TempPolicy;
using Stacks = leakshim::Stacks;
}  // namespace option

/// All texts point into the environment block that was parsed.
struct Options {
    // LEAKSHIM
    bool off = false;
    bool reap = true;
    bool fail = false;
    // CI
    bool ci = false;
    // LEAKSHIM_KEEP=1
    bool keep = false;
    // LEAKSHIM_DIR, empty for /dev/shm/leakshim-<uid>
    Str dir;
    // LEAKSHIM_RULES
    Str rules;
    // LEAKSHIM_OPTIONS: the rows of options.inc
#define LEAKSHIM_OPTION(type, field, key, default_value, meaning) option::type field = default_value;
#include "options.inc"
#undef LEAKSHIM_OPTION

    bool reaps_trees(bool run_failed) const {
        if (!reap) return false;
        if (tmp == TempPolicy::by_ci) return ci;
        return tmp == TempPolicy::reap || (tmp == TempPolicy::keep_on_failure && !run_failed);
    }
};

/// The values of our variables, as the caller found them; no data (`data() == nullptr`) where one is not set.
struct OptionTexts {
    Str leakshim, ci, options, rules, dir, keep;
};

/// Fills `options` from `texts`. Each thing that was wrong is a sentence in `complaints`, ended by a newline.
void parse_options(const OptionTexts& texts, Options& options, TextBuffer& complaints);

/// The text of `LEAKSHIM_OPTIONS=help=1`: one line for each key with default and meaning. About 2 KiB.
void print_options_help(TextBuffer& to);

}  // namespace leakshim
