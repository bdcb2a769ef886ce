// SPDX-License-Identifier: MIT
//
// The policy as a pure function: what a finding is worth, and what is to be done.
#include <catch2/catch.hpp>

#include "policy.h"

namespace leakshim::test {

using namespace leakshim::policy;
using ledger::Kind;
using ledger::Outcome;
using ledger::State;

namespace {

Options in_ci() {
    Options options;
    options.ci = true;
    return options;
}

}  // namespace

TEST_CASE("what outlives the run is an error whether or not it was reaped", "[policy]") {
    for (Kind kind : {Kind::process, Kind::temp_dir, Kind::unix_socket, Kind::posix_shm, Kind::sysv_msg}) {
        CHECK(degree_of(kind, State::reaped, Outcome::removed) == Degree::error);
        CHECK(degree_of(kind, State::reaped, Outcome::removed_later) == Degree::note);
        CHECK(degree_of(kind, State::leaked, Outcome::kept_by_mode) == Degree::error);
        CHECK(degree_of(kind, State::failed, Outcome::no_permission) == Degree::error);
    }
}

TEST_CASE("what was merely open at exit is a warning", "[policy]") {
    CHECK(degree_of(Kind::file, State::leaked, Outcome::open_at_exit) == Degree::warning);
    CHECK(degree_of(Kind::thread, State::leaked, Outcome::open_at_exit) == Degree::warning);
    CHECK(degree_of(Kind::socket, State::leaked, Outcome::port_at_exit) == Degree::warning);
}

TEST_CASE("a port of a leaked process is an error and its files are no findings", "[policy]") {
    CHECK(degree_of(Kind::socket, State::reaped, Outcome::gone_with_holder) == Degree::error);
    CHECK(degree_of(Kind::socket, State::leaked, Outcome::kept_by_mode) == Degree::error);
    CHECK(degree_of(Kind::file, State::gone, Outcome::gone_with_holder) == Degree::none);
    CHECK(degree_of(Kind::file, State::leaked, Outcome::kept_by_mode) == Degree::none);
}

TEST_CASE("what is gone, kept, unresolved or somebody else's is a note", "[policy]") {
    CHECK(degree_of(Kind::temp_dir, State::gone, Outcome::changed_identity) == Degree::note);
    CHECK(degree_of(Kind::temp_dir, State::kept, Outcome::kept_at_desk) == Degree::note);
    CHECK(degree_of(Kind::process, State::kept, Outcome::kept_by_rule) == Degree::note);
    CHECK(degree_of(Kind::temp_dir, State::intent, Outcome::unresolved_intent) == Degree::note);
    CHECK(degree_of(Kind::sysv_shm, State::failed, Outcome::not_ours_anymore) == Degree::note);
    CHECK(degree_of(Kind::temp_dir, State::failed, Outcome::partly_spared) == Degree::error);
}

TEST_CASE("what lives is no finding", "[policy]") {
    CHECK(degree_of(Kind::process, State::live, Outcome::none) == Degree::none);
    CHECK(degree_of(Kind::process, State::ended, Outcome::none) == Degree::none);
    CHECK(degree_of(Kind::temp_dir, State::intent, Outcome::none) == Degree::none);
    CHECK(degree_of(Kind::scope, State::live, Outcome::none) == Degree::none);
}

TEST_CASE("each kind has its action", "[policy]") {
    Options options = in_ci();
    Situation situation{options};
    CHECK(judge(Kind::process, {}, situation).action == Action::terminate);
    CHECK(judge(Kind::temp_dir, {}, situation).action == Action::remove_tree);
    CHECK(judge(Kind::temp_file, {}, situation).action == Action::unlink);
    CHECK(judge(Kind::unix_socket, {}, situation).action == Action::unlink);
    CHECK(judge(Kind::sysv_sem, {}, situation).action == Action::ipc_remove);
}

TEST_CASE("in report mode nothing is to be done and leaks stay leaks", "[policy]") {
    Options options = in_ci();
    options.reap = false;
    Situation situation{options};
    for (Kind kind : {Kind::process, Kind::temp_dir, Kind::unix_socket, Kind::sysv_shm}) {
        Verdict verdict = judge(kind, {}, situation);
        CHECK(verdict.action == Action::none);
        CHECK(verdict.state == State::leaked);
        CHECK(verdict.outcome == Outcome::kept_by_mode);
    }
}

TEST_CASE("at a desk temporary things are kept but processes, sockets and IPC objects are not", "[policy]") {
    Options options;
    Situation situation{options};
    for (Kind kind : {Kind::temp_dir, Kind::temp_file, Kind::fifo, Kind::link}) {
        CHECK(judge(kind, {}, situation).outcome == Outcome::kept_at_desk);
    }
    CHECK(judge(Kind::process, {}, situation).action == Action::terminate);
    CHECK(judge(Kind::unix_socket, {}, situation).action == Action::unlink);
    CHECK(judge(Kind::posix_shm, {}, situation).action == Action::ipc_remove);
}

TEST_CASE("temporary things are kept on failure only where that is asked for and the run failed",
          "[policy]") {
    Options options = in_ci();
    options.tmp = TempPolicy::keep_on_failure;
    Situation failed{options, true};
    Situation passed{options, false};
    CHECK(judge(Kind::temp_dir, {}, failed).outcome == Outcome::kept_on_failure);
    CHECK(judge(Kind::temp_dir, {}, passed).action == Action::remove_tree);
    options.tmp = TempPolicy::by_ci;
    CHECK(judge(Kind::temp_dir, {}, failed).action == Action::remove_tree);
}

TEST_CASE("a brake, an outsider, a rule and a changed identity each forbid the action", "[policy]") {
    Options options = in_ci();
    Situation situation{options};
    auto outcome = [&](Facts facts) {
        Verdict verdict = judge(Kind::temp_dir, facts, situation);
        CHECK(verdict.action == Action::none);
        return verdict.outcome;
    };
    Facts facts;
    facts.now = Facts::Now::gone;
    CHECK(outcome(facts) == Outcome::gone_by_itself);
    facts.now = Facts::Now::other;
    CHECK(outcome(facts) == Outcome::changed_identity);
    CHECK(outcome({.used_outside = true}) == Outcome::not_ours_anymore);
    CHECK(outcome({.mount = true}) == Outcome::brake_mount);
    CHECK(outcome({.home = true}) == Outcome::brake_home);
    CHECK(outcome({.work_tree = true}) == Outcome::brake_work_tree);
    CHECK(outcome({.too_large = true}) == Outcome::brake_size);
    situation.ruling = Ruling::keep;
    CHECK(outcome({}) == Outcome::kept_by_rule);
    situation.mark_keeps = true;
    CHECK(outcome({}) == Outcome::kept_by_mark);
}

TEST_CASE("what is wanted is kept even when it is open at exit", "[policy]") {
    CHECK(judge_open_at_exit(Kind::file, 0, false).outcome == Outcome::open_at_exit);
    CHECK(judge_open_at_exit(Kind::socket, 0, true).outcome == Outcome::port_at_exit);
    CHECK(judge_open_at_exit(Kind::file, ledger::flag::kWanted, false).state == State::kept);
}

TEST_CASE("a test's name is taken from pytest's variable without the phase", "[policy]") {
    CHECK(test_name("t.py::test_a (call)") == "t.py::test_a");
    CHECK(test_name("t.py::test_a[x (y)] (teardown)") == "t.py::test_a[x (y)]");
    CHECK(test_name("plain") == "plain");
    CHECK(test_name("(call)") == "(call)");
    CHECK(test_name("") == "");
}

TEST_CASE("a path lies in a directory by whole components", "[policy]") {
    CHECK(lies_in("/tmp/a/b", "/tmp/a"));
    CHECK(lies_in("/tmp/a", "/tmp/a"));
    CHECK(lies_in("/tmp/a", "/"));
    CHECK_FALSE(lies_in("/tmp/ab", "/tmp/a"));
    CHECK_FALSE(lies_in("/tmp", "/tmp/a"));
}

}  // namespace leakshim::test
