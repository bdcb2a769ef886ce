// SPDX-License-Identifier: MIT
//
// Processes that are looked at in the middle of an exec, or just before it: for a moment they have no
// arguments and no environment, and afterwards they may be exempt.
#include <catch2/catch.hpp>
#include <functional>

#include "stage.h"

namespace leakshim::test {

using ledger::Counter;
namespace flag = ledger::flag;

namespace {

/// One process is in the middle of an exec, for as many looks as are wanted: then it is as it really is.
struct ExecutingKernel : reap::Kernel {
    pid_t pid = 0;
    int looks = 0;
    std::function<void()> looked = [] {};

    bool executes(int asked) {
        if (asked != pid || looks == 0) return false;
        looked();
        return looks-- > 0;
    }
    Str read_variable(int asked, Str key, char* to, size_t size) override {
        return executes(asked) ? Str{} : reap::Kernel::read_variable(asked, key, to, size);
    }
    long read_process(int asked, const char* name, char* to, size_t size) override {
        if (Str(name) == "cmdline" && executes(asked)) return 0;
        return reap::Kernel::read_process(asked, name, to, size);
    }
};

/// A process as a fork's record has it: by number and time of birth alone.
ledger::Handle record_fork(Stage& stage, const Actor& actor) {
    ledger::NewProcess process;
    process.pid = actor.speaker();
    return ledger::add_process(stage.ledger.author(), process);
}

}  // namespace

TEST_CASE("a fork that is in the middle of an exec is ours", "[exec]") {
    Stage stage;
    ExecutingKernel kernel;
    stage.kernel = &kernel;
    Actor fork({"orphan", "stay"}, {stage.variable()});
    ledger::Handle handle = record_fork(stage, fork);
    kernel.pid = fork.speaker();

    SECTION("when the exec is over before it is asked whether there is one") {
        kernel.looks = 1;
    }
    SECTION("when it is over a little later") {
        kernel.looks = 7;
    }
    SECTION("when it is not over while it is looked at") {
        kernel.looks = 1'000'000;
    }
    stage.reap();
    CHECK(fork.all_gone());
    CHECK(stage.fate(handle) == "reaped/ended_by_term");
}

TEST_CASE("a fork that has said who it is just before its exec is ours by that", "[exec]") {
    Stage stage;
    ExecutingKernel kernel;
    stage.kernel = &kernel;
    Actor actor({"orphan", "stay"});  // with nothing of the session in its environment or memory
    ledger::Handle handle = record_fork(stage, actor);
    u64 inode = pidfd_inode_of(actor.speaker());
    kernel.pid = actor.speaker();
    kernel.looks = 1;

    SECTION("it") {
        kernel.looked = [&] { stage.ledger->at(handle)->a = inode; };
        stage.reap();
        CHECK_FALSE(actor.speaker_alive());
        CHECK(stage.fate(handle) == "reaped/ended_by_term");
    }
    SECTION("but not who has got its number") {
        kernel.looked = [&] { stage.ledger->at(handle)->a = inode + 1; };
        stage.reap();
        CHECK(actor.speaker_alive());
        CHECK(stage.fate(handle) == "gone");
    }
    SECTION("nor who has never said it") {
        stage.reap();
        CHECK(actor.speaker_alive());
        CHECK(stage.fate(handle) == "gone");
    }
}

TEST_CASE("an orphan in the middle of an exec is found", "[exec]") {
    Stage stage;
    stage.ledger->count(Counter::blind_static);
    ExecutingKernel kernel;
    stage.kernel = &kernel;
    Actor ours({"orphan", "stay"}, {stage.variable()});
    kernel.pid = ours.speaker();
    kernel.looks = 3;
    stage.reap();
    CHECK(ours.all_gone());
    CHECK(kernel.looks == 0);
}

TEST_CASE("who asks to be kept in the middle of an exec is kept", "[exec]") {
    Stage stage;
    ExecutingKernel kernel;
    stage.kernel = &kernel;
    Actor actor({"stay"}, {"LEAKSHIM_KEEP=1"});
    ledger::Handle handle = stage.record(actor);
    kernel.pid = actor.pid();
    kernel.looks = 3;
    stage.reap();
    CHECK(actor.alive());
    CHECK(stage.fate(handle) == "kept/kept_by_mark");
}

namespace {

/// A process that becomes another program once it has been judged: when the reaper first waits for it.
struct LaterKernel : reap::Kernel {
    std::function<void()> execute = [] {};
    bool executed = false;
    std::string command = "before";

    int poll(struct pollfd* fds, size_t count, u64 timeout) override {
        if (!executed) execute();
        executed = true;
        return reap::Kernel::poll(fds, count, timeout);
    }
    Str read_variable(int pid, Str key, char* to, size_t size) override {
        return executed ? reap::Kernel::read_variable(pid, key, to, size) : Str{};
    }
    long read_process(int pid, const char* name, char* to, size_t size) override {
        if (Str(name) != "cmdline") return reap::Kernel::read_process(pid, name, to, size);
        return static_cast<long>(command.copy(to, size));
    }
};

}  // namespace

TEST_CASE("who becomes exempt while it is waited for is kept with what it started", "[exec]") {
    Stage stage;
    LaterKernel kernel;
    stage.kernel = &kernel;

    SECTION("by its environment") {
        Actor actor({"parent", "stay"}, {"LEAKSHIM_KEEP=1"});
        stage.record(actor);
        stage.reap();
        CHECK(actor.holders().size() == 2);
    }
    SECTION("by its mark, and without it it would go") {
        Actor marked({"parent", "stay"}), other({"stay"});
        ledger::Handle handle = stage.record(marked);
        stage.record(other);
        kernel.execute = [&] { stage.ledger->at(handle)->flags.fetch_or(flag::kKeep); };
        stage.reap();
        CHECK(marked.holders().size() == 2);
        CHECK(stage.fate(handle) == "kept/kept_by_mark");
        CHECK_FALSE(other.alive());
    }
    SECTION("by a rule for the command that it has by then") {
        Actor actor({"parent", "stay"});
        stage.record(actor);
        kernel.execute = [&] { kernel.command = "after"; };
        stage.rule = [](const policy::Subject& subject) {
            return subject.command == "after" ? policy::Ruling::keep : policy::Ruling::none;
        };
        stage.reap();
        CHECK(actor.holders().size() == 2);
    }
    SECTION("while a rule is not asked again about the same command") {
        Actor actor({"stay"});
        ledger::Handle handle = stage.record(actor);
        int asked = 0;
        stage.rule = [&](const policy::Subject& subject) {
            if (subject.kind == ledger::Kind::process) ++asked;
            return policy::Ruling::none;
        };
        stage.reap();
        CHECK(asked == 2);  // about the command on record, and the one that it has
        CHECK(stage.fate(handle) == "reaped/ended_by_term");
    }
}

}  // namespace leakshim::test
