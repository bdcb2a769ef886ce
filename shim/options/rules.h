// SPDX-License-Identifier: MIT
//
// Keep rules and suppressions: the lines of LEAKSHIM_RULES and those built in.
//
//     [verb] kind:glob[;key=glob...]  # reason
//
// verb    keep    the thing is not reaped, and reported as kept; what a line without a verb means
//         ignore  the thing is neither reaped nor a finding; only the rule's hits are shown
//         reap    no rule further down applies to the thing: this is how a built-in rule is overridden
// kind    a kind as leakshim-report names it, or * for all; a listening_port is a socket as well
// glob    * stands for any bytes, ? for one. It must match the whole of
//           a process  its command line, one space between the arguments, or the last part of its first word
//           a socket   its port, as in tcp:1616 or udp:53, or its path
//           all else   its path or name
// key     test=GLOB         the test that it was made in
//         cmd=GLOB          the command line of the process that made it, matched as that of a process
//         max=N             at most N hits, then the rule does not match any more: what comes next is for
//                           the rules below, and a leak like any other where none of them matches
//         until=YYYY-MM-DD  the last day on which the rule is in force, in UTC. What a keep rule whose day
//                           is over would have kept is reaped; that, and how much it was, is said
// reason  behind a # with white space before it, for whoever reads the report
//
// A glob can't hold a semicolon or a # behind white space; ? stands for one. The first rule that matches
// decides, those of the file before the built-in ones. A line that makes no sense is a sentence in
// `complaints`, all others stay in force; but unless it begins with `reap` nobody knows what it was to spare,
// and Rules::complete says so. Nothing here allocates: rules lie in memory of the caller, their
// texts in what was parsed.
#pragma once

#include "kinds.h"
#include "text.h"

namespace leakshim::rules {

enum class Verb : u8 { keep, ignore, reap };

struct Rule {
    Verb verb = Verb::keep;
    ledger::Kind kind = ledger::Kind::none;  ///< none: every kind
    bool ports_only = false;                 ///< listening_port: of the sockets, those with a port
    bool builtin = false;
    bool bad = false;  ///< makes no sense, and matches nothing
    Str text;          ///< the rule as it was written, without its reason
    Str glob;
    Str test;     ///< no data: any
    Str command;  ///< no data: any
    Str reason;
    u64 max = 0;  ///< 0: none
    u64 hits = 0;
    u64 missed = 0;  ///< what it would have matched, were its day not over or its maximum not reached
    u32 until = 0;   ///< 20261231 for 2026-12-31; 0: for ever
    u32 line = 0;    ///< in its file, from 1
};

/// As many rules as anybody needs, and a bound on the work for each finding.
inline constexpr u32 kMaxRules = 256;

/// Things that rules with a maximum have counted, to know them again when they are asked about once more.
inline constexpr u32 kKnownThings = 1024;

/// Zero-initialised it holds no rule. About 50 KiB: for static storage.
struct Rules {
    Rule rule[kMaxRules];
    u32 count = 0;
    u32 today = 0;         ///< as date_of() says; 0: no rule is out of date
    Str file;              ///< for complaints; empty where nobody has to be told
    bool complete = true;  ///< false where a line, or one too many, may have spared something
    u64 known[kKnownThings] = {};
};

/// Asked when a rule matches, before it counts: whether the thing is still there.
struct Presence {
    bool (*is_there)(void* context) = nullptr;
    void* context = nullptr;

    bool operator()() const { return is_there == nullptr || is_there(context); }
};

/// What a rule is asked about.
struct Subject {
    ledger::Kind kind = ledger::Kind::none;
    bool listening = false;  ///< a socket with a port
    Str name;                ///< path, IPC name, or address (port_name()); of no use for a process
    Str command;             ///< of the process, or of the one that made the thing; NUL between arguments
    Str test;                ///< scope that it was made in
    u64 id = 0;              ///< handle << 32 | generation: the same thing twice is one hit; 0: not known
    Presence presence{};     ///< no rule matches what is gone, so nothing is counted for it
};

/// Adds the rules in `text`, a whole file. `text` must stay where it is as long as the rules are used.
void parse_rules(Str text, Rules& rules, TextBuffer& complaints);

/// Adds the built-in rules. To be called after parse_rules(), so that those come first. `home` is the user's
/// home directory; the texts are put into `storage`, which takes 2 KiB and must stay where it is.
void add_builtin_rules(Str home, TextBuffer& storage, Rules& rules);

/// Forgets rules, hits, things and file.
void clear(Rules& rules);

/// True where a rule may match a thing of this kind: what is asked about is costly to find out.
bool concern(const Rules& rules, ledger::Kind kind);

/// The first rule that matches, nullptr when there is none. Counts a hit, and of a thing with an id only one
/// for a rule with a maximum, however often it is asked about (as long as kKnownThings are enough).
const Rule* match(Rules& rules, const Subject& subject);

/// True when the date of the rule is over.
inline bool expired(const Rules& rules, const Rule& rule) {
    return rule.until != 0 && rules.today > rule.until;
}

/// What there is to say of a rule when all is over, also long after, when only a ledger or a report knows it.
struct Tally {
    Str file;  ///< where it was read from; no data for a built-in rule
    Str text;
    Str reason;
    u64 hits = 0;
    u64 missed = 0;
    u32 line = 0;
    u32 until = 0;
    bool expired = false;
    bool full = false;  ///< it has reached its maximum
    bool bad = false;
};
Tally tally_of(const Rules& rules, const Rule& rule, Str file);

/// One line for a report, ended by a newline: the rule, how often it matched, and what to do when it never
/// did.
void print_rule(const Tally& rule, TextBuffer& to);

/// The day of `realtime_ns` (ns since the epoch) in UTC: 20261231 for 2026-12-31.
u32 date_of(u64 realtime_ns);

/// Name of a socket for rules and reports, from Record::a: `tcp:1616`, `udp:53`; nothing when it has no port.
void port_name(u64 socket_word, TextBuffer& to);

}  // namespace leakshim::rules
