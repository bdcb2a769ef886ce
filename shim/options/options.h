// SPDX-License-Identifier: MIT
//
// The settings of a session: LEAKSHIM, CI, LEAKSHIM_OPTIONS, LEAKSHIM_RULES, LEAKSHIM_DIR, LEAKSHIM_KEEP, read from
// an environment block that the caller found (never from getenv: a host may export its own). One table
// (options.inc) makes the defaults, the parser, the text of `help=1` and the table of the man page.
//
// Bad input never stops the host: an unknown mode, key or value is one loud sentence in `complaints`, and the default
// stays in force.
#pragma once

#include "text.h"

namespace leakshim {

enum class TempPolicy : u8 { by_ci, keep, reap, keep_on_failure };

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
    // LEAKSHIM_OPTIONS
    bool help = false;
    TempPolicy tmp = TempPolicy::by_ci;  ///< `tmp=keep|reap|keep-on-failure`; by_ci: reap when CI is set
    u64 linger = 300 * kMillisecond;     ///< `linger=`: longest wait for what is on its way out
    u64 polite = 1 * kSecond;            ///< `polite=`: time on the rung of the polite signal
    u64 term = 1500 * kMillisecond;      ///< `term=`: time on the rung of SIGTERM
    u64 deadline = 30 * kSecond;         ///< `deadline=`: bound of the whole end of the session
    u64 tree_limit = 1'000'000;          ///< `tree-limit=`: entries in one tree above which it is refused
    Str temp_roots;                      ///< `temp-roots=DIR,DIR`: besides $TMPDIR, /tmp, /var/tmp, /dev/shm
    Str roots;                           ///< `roots=GLOB,GLOB`: programs that may start a session; empty: all
    u64 keep_ledgers = 16;               ///< `keep-ledgers=`: newest ledgers kept for leakshim-report
    bool guard = true;                   ///< `guard=0`: no guard process

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
