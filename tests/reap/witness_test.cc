// SPDX-License-Identifier: MIT
//
// Findings that stay findings when somebody else sees the process die: its parent, or the reaper that takes
// the place of one that was killed.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "stage.h"

namespace leakshim::test {

namespace {

/// A parent waits for its child, and sees it die as soon as it has got a signal.
struct WatchedKernel : reap::Kernel {
    Stage& stage;
    ledger::Handle child = 0;

    explicit WatchedKernel(Stage& the_stage) : stage(the_stage) {}
    int pidfd_signal(int pidfd, int signal) override {
        int answer = reap::Kernel::pidfd_signal(pidfd, signal);
        if (signal == SIGTERM) ledger::end_process(stage.ledger.author(), child, 0);
        return answer;
    }
};

}  // namespace

TEST_CASE("who waits for a process that is reaped does not take the finding away", "[processes]") {
    Stage stage;
    WatchedKernel kernel(stage);
    stage.kernel = &kernel;
    Actor actor({"stay"});
    kernel.child = stage.record(actor);
    reap::Result result = stage.reap();
    CHECK_FALSE(actor.alive());
    CHECK(stage.fate(kernel.child) == "reaped/ended_by_term");
    CHECK(result.errors == 1);
    // Without a reaper it is the parent that ends it.
    Actor other({"stay"});
    ledger::Handle handle = stage.record(other);
    ledger::end_process(stage.ledger.author(), handle, 0);
    CHECK(stage.fate(handle) == "gone");
}

TEST_CASE("what a reaper called leaked is a finding of the one that goes on in its place", "[processes]") {
    Stage stage;
    Actor leaked({"stay"}), ended({"stay"});
    ledger::Handle first = stage.record(leaked), second = stage.record(ended);
    stage.ledger->at(first)->flags.fetch_or(ledger::flag::kLeaked);
    std::thread killer;
    SECTION("dead when it is looked at") {
        for (const Actor* actor : {&leaked, &ended}) {
            kill(actor->pid(), SIGKILL);
            siginfo_t info;
            REQUIRE(waitid(P_PID, static_cast<id_t>(actor->pid()), &info, WEXITED | WNOWAIT) == 0);
        }
    }
    SECTION("dead when it is waited for") {
        stage.options.linger = 2 * kSecond;
        killer = std::thread([&] {
            usleep(300'000);
            for (const Actor* actor : {&leaked, &ended})
                kill(actor->pid(), SIGKILL);
        });
    }
    reap::Result result = stage.reap();
    if (killer.joinable()) killer.join();
    CHECK(stage.fate(first) == "reaped/exited_alone");
    CHECK(stage.fate(second) == "gone");
    CHECK(result.errors == 1);
}

TEST_CASE("what the end of a test leaves alone can be ended by its parent again", "[processes]") {
    Stage stage;
    stage.options.reap = false;
    Actor actor({"stay"});
    ledger::Author author = stage.ledger.author();
    ledger::Handle scope = ledger::begin_scope(author, "test_a", 0);
    ledger::Handle handle = stage.record(actor);
    stage.ledger->at(handle)->scope = scope;
    ledger::tail_of<ledger::ProcessTail>(*stage.ledger->at(handle))->scope = scope;
    stage.with_request([&](const reap::Request& request) {
        reap::Request of_test = request;
        of_test.scope = scope;
        CHECK(reap::reap(of_test).errors == 1);
    });
    CHECK(actor.alive());
    CHECK(stage.fate(handle) == "live/none");
    ledger::end_process(author, handle, 0);
    CHECK(stage.fate(handle) == "gone");
}

}  // namespace leakshim::test
