// SPDX-License-Identifier: MIT
#include "policy.h"

namespace leakshim::policy {

namespace {

using ledger::Kind;
using ledger::Outcome;
using ledger::State;

bool is_temporary(Kind kind) {
    return ledger::is_path(kind) && kind != Kind::unix_socket;
}

Verdict final(State state, Outcome outcome) {
    return {Action::none, state, outcome};
}

/// A descriptor or thread: the root's own at its end, or a port of a process that leaked. What else such a
/// process had open is shown with it and is no finding of its own.
Degree degree_of_open(Kind kind, State state, Outcome outcome) {
    if (state == State::kept) return Degree::note;
    switch (outcome) {
        case Outcome::open_at_exit:
        case Outcome::port_at_exit:
        case Outcome::closed:
        case Outcome::retired:
            return Degree::warning;
        default:
            break;
    }
    return kind == Kind::socket && state != State::gone ? Degree::error : Degree::none;
}

/// The run's own directory for temporary things was asked for so that nothing of it stays, also at a desk.
bool reaps_tree(const Situation& situation) {
    const Options& options = situation.options;
    if (situation.in_private && options.reap && options.tmp == TempPolicy::by_ci) return true;
    return options.reaps_trees(situation.run_failed);
}

Action action_for(Kind kind) {
    if (kind == Kind::process) return Action::terminate;
    if (kind == Kind::temp_dir) return Action::remove_tree;
    return ledger::is_path(kind) ? Action::unlink : Action::ipc_remove;
}

}  // namespace

Str degree_name(Degree degree) {
    switch (degree) {
        case Degree::none:
            return "none";
        case Degree::note:
            return "note";
        case Degree::warning:
            return "warning";
        case Degree::error:
            return "error";
    }
    return "";
}

Degree degree_of(Kind kind, State state, Outcome outcome) {
    if (kind == Kind::scope) return Degree::none;
    switch (state) {
        case State::free:
        case State::live:
        case State::ended:
            return Degree::none;
        case State::intent:
            return outcome == Outcome::unresolved_intent ? Degree::note : Degree::none;
        default:
            break;
    }
    if (outcome == Outcome::ignored_by_rule) return Degree::none;
    if (outcome == Outcome::removed_later) return Degree::note;
    if (ledger::is_fd(kind) || kind == Kind::thread) return degree_of_open(kind, state, outcome);
    if (state == State::kept || state == State::gone) return Degree::note;
    // What others live in by now is no leak of ours any more.
    if (state == State::failed && outcome == Outcome::not_ours_anymore) return Degree::note;
    return Degree::error;
}

Verdict judge(Kind kind, const Facts& facts, const Situation& situation) {
    const Options& options = situation.options;
    if (facts.now == Facts::Now::gone) return final(State::gone, Outcome::gone_by_itself);
    if (facts.now == Facts::Now::other) return final(State::gone, Outcome::changed_identity);
    if (situation.mark_keeps) return final(State::kept, Outcome::kept_by_mark);
    if (situation.ruling != Ruling::none) return final(State::kept, outcome_of(situation.ruling));
    if (!options.reap) return final(State::leaked, Outcome::kept_by_mode);
    if (is_temporary(kind) && !reaps_tree(situation)) {
        bool on_failure = options.tmp == TempPolicy::keep_on_failure;
        return final(State::kept, on_failure ? Outcome::kept_on_failure : Outcome::kept_at_desk);
    }
    if (facts.used_outside) return final(State::failed, Outcome::not_ours_anymore);
    if (facts.mount) return final(State::failed, Outcome::brake_mount);
    if (facts.home) return final(State::failed, Outcome::brake_home);
    if (facts.work_tree) return final(State::failed, Outcome::brake_work_tree);
    if (facts.too_large) return final(State::failed, Outcome::brake_size);
    return {action_for(kind), State::reaped, Outcome::removed};
}

Verdict judge_open_at_exit(Kind kind, u8 flags, bool has_port) {
    if ((flags & ledger::flag::kWanted) != 0) return final(State::kept, Outcome::kept_by_mark);
    return final(State::leaked,
                 kind == Kind::socket && has_port ? Outcome::port_at_exit : Outcome::open_at_exit);
}

bool is_temporary_place(const ledger::Header& header, Str path) {
    size_t temporary = longest_match(header.temp_roots, path);
    // A temporary root itself is nobody's to remove.
    return temporary != 0 && path.size() > temporary && temporary > longest_match(header.exempt_roots, path);
}

}  // namespace leakshim::policy
