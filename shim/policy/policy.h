// SPDX-License-Identifier: MIT
//
// What a finding is worth and what is to be done about it: pure functions from a record and what the kernel
// says of it now, the settings and the rules. Nothing here asks the system anything, so that the same answer
// comes out at the root's exit, in the guard, in the tools and in a test.
#pragma once

#include "options.h"
#include "reader.h"

namespace leakshim::policy {

/// How bad a finding is. What outlives the run is an error; what was merely open at the exit of its process
/// is a warning; what was gone, had changed, was kept or is somebody else's by now is a note. `none` is no
/// finding: what lives, and the files that a leaked process had open, which are shown with that process.
enum class Degree : u8 { none, note, warning, error };

Str degree_name(Degree degree);

/// From a record's kind, state and outcome alone, so that a report made later says the same as the end of the
/// run.
Degree degree_of(ledger::Kind kind, ledger::State state, ledger::Outcome outcome);
inline Degree degree_of(const ledger::Entry& entry) {
    return degree_of(entry.kind, entry.state, entry.outcome);
}
inline Degree degree_of(const ledger::Line& line) {
    return degree_of(line.kind(), line.state(), line.outcome());
}

/// What a keep rule is asked about.
struct Subject {
    ledger::Kind kind = ledger::Kind::none;
    bool listening = false;  ///< a socket with a port
    Str name;                ///< path, IPC name or address
    Str command;             ///< of the process, or of the one that made the thing; NUL between arguments
    Str test;                ///< scope that it was made in
    u64 id = 0;              ///< handle << 32 | generation of its record; 0: not known
    bool (*is_there)(void* context) = nullptr;  ///< asked once a rule matches; none: it is
    void* context = nullptr;
};

/// What the rules say of a subject: nothing, that it is kept (and reported so), or that it is no finding at
/// all.
enum class Ruling : u8 { none, keep, ignore };

/// The rules in force, as the policy asks them. May be empty.
struct KeepRules {
    Ruling (*rule)(void* context, const Subject& subject) = nullptr;
    void* context = nullptr;
    bool (*about)(void* context, ledger::Kind kind) = nullptr;  ///< see concern()

    Ruling operator()(const Subject& subject) const {
        return rule == nullptr ? Ruling::none : rule(context, subject);
    }
    /// False where no rule says anything about things of that kind, so that they need not be described.
    bool concern(ledger::Kind kind) const {
        return rule != nullptr && (about == nullptr || about(context, kind));
    }
};

/// The outcome that a ruling gives to what it spares; Outcome::none when it spares nothing.
inline ledger::Outcome outcome_of(Ruling ruling) {
    switch (ruling) {
        case Ruling::keep:
            return ledger::Outcome::kept_by_rule;
        case Ruling::ignore:
            return ledger::Outcome::ignored_by_rule;
        default:
            return ledger::Outcome::none;
    }
}

/// What the kernel says of the thing that a record names, looked at just before the decision.
struct Facts {
    enum class Now : u8 { same, gone, other };
    Now now = Now::same;
    bool used_outside = false;  ///< held, owned or recorded by somebody outside the session
    bool mount = false;         ///< a mount point
    bool home = false;          ///< $HOME or above it
    bool work_tree = false;     ///< a version-control work tree
    bool too_large = false;     ///< more entries than the option tree-limit
};

struct Situation {
    const Options& options;
    bool run_failed = false;
    Ruling ruling = Ruling::none;
    bool mark_keeps = false;  ///< leakshim_keep, LEAKSHIM_KEEP, or below what is kept so
    bool in_private = false;  ///< in the directory that the run was given for such things, or that directory
};

enum class Action : u8 { none, terminate, unlink, remove_tree, ipc_remove };

/// With Action::none, `state` and `outcome` are final. Otherwise they are what the record becomes when the
/// action succeeds.
struct Verdict {
    Action action = Action::none;
    ledger::State state = ledger::State::leaked;
    ledger::Outcome outcome = ledger::Outcome::none;
};

/// Decides about a record that was still live when its time was up: a process, a path or an IPC object.
Verdict judge(ledger::Kind kind, const Facts& facts, const Situation& situation);

/// Decides about a descriptor or thread of the root at the root's own end; `has_port`: a socket that is bound
/// to one. Never an action: what is closed then is closed to tell others, not to be tidy.
Verdict judge_open_at_exit(ledger::Kind kind, u8 flags, bool has_port);

/// The test that a value of PYTEST_CURRENT_TEST names: `test_a.py::test_b[c d] (call)` without the phase.
inline Str test_name(Str current_test) {
    size_t end = current_test.size();
    if (end == 0 || current_test[end - 1] != ')') return current_test;
    while (end != 0 && current_test[end - 1] != '(')
        --end;
    return end < 2 || current_test[end - 2] != ' ' ? current_test : Str(current_test.data(), end - 2);
}

/// True when `path` is `directory` or lies below it. Both are absolute and normalised.
inline bool lies_in(Str path, Str directory) {
    if (directory == "/") return true;
    return starts_with(path, directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

/// Length of the longest entry that `path` lies in, 0 for none. The root directory counts as 1.
template <u32 kSize>
size_t longest_match(const ledger::TextList<kSize>& list, Str path) {
    size_t longest = 0;
    Str rest(list.text, list.size <= sizeof list.text ? list.size : 0);
    while (!rest.empty()) {
        Str entry = take_until(rest, '\0');
        if (entry.size() > longest && lies_in(path, entry)) longest = entry.size();
    }
    return longest;
}

/// True when `path` (absolute, normalised) is temporary by its place: of the session's roots the more
/// specific one decides, and of two equal ones the exemption. Reads the header only: async-signal-safe.
bool is_temporary_place(const ledger::Header& header, Str path);

}  // namespace leakshim::policy
