// SPDX-License-Identifier: MIT
//
// The end of a session, once, and the lines that are printed then. And a kernel that fails at every step in
// turn.
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <set>

#include "brief.h"
#include "session_end.h"
#include "stage.h"

namespace leakshim::test {

using ledger::EndedBy;
using ledger::Kind;
using ledger::Phase;
using reap::Finish;

namespace {

Finish finish(Stage& stage, reap::Result& result, int status = 0) {
    Finish how = Finish::done;
    stage.with_request([&](const reap::Request& request) {
        how = reap::finish_session(request, EndedBy::exit, status, result);
    });
    return how;
}

u32 phase(Stage& stage) {
    return stage.header().phase.load();
}

std::vector<std::string> brief(Stage& stage) {
    std::vector<std::string> lines;
    reap::Sink sink{
        [](void* context, Str line) { static_cast<std::vector<std::string>*>(context)->emplace_back(line); },
        &lines};
    reap::print_brief(*stage.ledger, reap::count_findings(*stage.ledger), sink);
    return lines;
}

}  // namespace

TEST_CASE("a session ends once, and the header says how", "[end]") {
    Stage stage;
    Scratch scratch;
    stage.make_directory(scratch / "d");
    reap::Result result;
    CHECK(finish(stage, result, 3) == Finish::done);
    CHECK(phase(stage) == static_cast<u32>(Phase::ended));
    CHECK(stage.header().errors.load() == 1);
    CHECK(stage.header().exit_status.load() == 3);
    CHECK(stage.header().ended_by.load() == EndedBy::exit);
    CHECK(stage.header().ended_realtime.load() >= stage.header().created_realtime);
    stage.make_directory(scratch / "later");
    reap::Result again;
    CHECK(finish(stage, again) == Finish::ended_already);
    CHECK(again.errors == 1);
    CHECK(exists(scratch / "later"));
}

TEST_CASE("only one process ends the session, unless it died at it", "[end]") {
    Stage stage;
    reap::Result result;
    Actor other({"stay"});
    stage.record(other, ledger::flag::kKeep);
    stage.header().phase.store(static_cast<u32>(Phase::ending));
    stage.header().end_pid.store(other.pid());
    CHECK(finish(stage, result) == Finish::in_progress);
    kill(other.pid(), SIGKILL);
    while (other.alive())
        usleep(1000);
    CHECK(finish(stage, result) == Finish::done);
    CHECK(phase(stage) == static_cast<u32>(Phase::ended));
}

TEST_CASE("a session of another pid namespace can't be judged", "[end]") {
    Stage stage;
    stage.in_root = false;
    stage.header().pid_namespace += 1;
    Actor actor({"stay"});
    stage.record(actor);
    reap::Result result;
    CHECK(finish(stage, result) == Finish::not_ours);
    CHECK(actor.alive());
    CHECK(phase(stage) == static_cast<u32>(Phase::live));
}

TEST_CASE("of a session of another boot the trees are reaped and no process is looked for", "[end]") {
    Stage stage;
    Scratch scratch;
    stage.in_root = false;
    strcpy(stage.header().boot_id, "00000000-0000-0000-0000-000000000000");
    Actor actor({"stay"});
    stage.record(actor);
    ledger::Handle tree = stage.make_directory(scratch / "d");
    reap::Result result;
    CHECK(finish(stage, result) == Finish::done);
    CHECK(actor.alive());
    CHECK(stage.fate(tree) == "reaped/removed");
    CHECK(result.errors == 1);
}

TEST_CASE("with fail a leaky run that would end with 0 ends with 24 and no other status is touched",
          "[end]") {
    Stage stage;
    reap::Result leaky, clean;
    leaky.errors = 1;
    clean.warnings = clean.notes = 1;
    CHECK(reap::final_status(stage.header(), 0, leaky) == 0);
    stage.header().flags = ledger::session_flag::kFail;
    CHECK(reap::final_status(stage.header(), 0, leaky) == 24);
    CHECK(reap::final_status(stage.header(), 1, leaky) == 1);
    CHECK(reap::final_status(stage.header(), -1, leaky) == -1);
    CHECK(reap::final_status(stage.header(), 0, clean) == 0);
}

TEST_CASE("nothing is printed when nothing leaked", "[end]") {
    Stage stage;
    stage.reap();
    CHECK(brief(stage).empty());
}

TEST_CASE("each leak is named with its test and what was done", "[end]") {
    Stage stage;
    Scratch scratch;
    ledger::Author author = stage.ledger.author();
    author.scope = ledger::intern_scope(author, "t.py::test_a");
    mkdir((scratch / "d\x1b").c_str(), 0700);
    ledger::Handle tree = ledger::begin_named(author, Kind::temp_dir, scratch / "d\x1b");
    ledger::commit_named(author, tree, file_id(AT_FDCWD, (scratch / "d\x1b").c_str()));
    Actor actor({"stay"});
    stage.record(actor);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    stage.record_fd(Kind::socket, fd);
    stage.ledger->count(ledger::Counter::blind_static, 2);
    stage.reap();
    close(fd);
    std::vector<std::string> lines = brief(stage);
    std::set<std::string> set(lines.begin(), lines.end());
    std::string pid = std::to_string(actor.pid());
    CHECK(set.count("leakshim: temporary directory " + scratch.path() +
                    "/d\\x1b [t.py::test_a]: removed\n") == 1);
    CHECK(set.count("leakshim: process " + pid + ": actor: ended on SIGTERM\n") == 1);
    CHECK(set.count("leakshim: socket fd " + std::to_string(fd) + ": still open when its process ended\n") ==
          1);
    REQUIRE_FALSE(lines.empty());
    CHECK(lines.back() == "SUMMARY: leakshim: 2 errors (2 reaped), 1 warning; blind: 2 static programs\n");
}

TEST_CASE("of many leaks the first are listed and the rest are counted", "[end]") {
    Stage stage;
    Scratch scratch;
    for (int i = 0; i < 30; ++i)
        stage.make_directory(scratch / std::to_string(i));
    stage.reap();
    std::vector<std::string> lines = brief(stage);
    CHECK(lines.size() == 23);
    CHECK(lines[20] == "leakshim: and 10 more\n");
    CHECK(lines.back() == "SUMMARY: leakshim: 30 errors (30 reaped), 0 warnings; blind: none\n");
}

TEST_CASE("trees that are kept at a desk are listed", "[end]") {
    Stage stage;
    Scratch scratch;
    stage.options.ci = false;
    stage.make_directory(scratch / "d");
    stage.reap();
    std::vector<std::string> lines = brief(stage);
    REQUIRE(lines.size() == 3);
    CHECK(lines[0].find(scratch / "d") != std::string::npos);
    CHECK(lines[2] == "SUMMARY: leakshim: 0 errors, 0 warnings, 1 kept; blind: none\n");
}

namespace {

/// Counts the questions that can fail, and fails one of them.
class FailingKernel : public reap::Kernel {
  public:
    int asked = 0;
    int fail_at = -1;

    bool fails() { return asked++ == fail_at; }

    bool read_stat(int pid, ProcessStat& stat) override { return !fails() && Kernel::read_stat(pid, stat); }
    bool read_signals(int pid, ProcessSignals& signals) override {
        return !fails() && Kernel::read_signals(pid, signals);
    }
    int pidfd_open(int pid) override { return fails() ? -EMFILE : Kernel::pidfd_open(pid); }
    int pidfd_signal(int pidfd, int signal) override {
        return fails() ? -EPERM : Kernel::pidfd_signal(pidfd, signal);
    }
    int open(int dirfd, const char* path, int flags) override {
        return fails() ? -EMFILE : Kernel::open(dirfd, path, flags);
    }
    int open_beneath(int dirfd, const char* name, int flags) override {
        return fails() ? -EACCES : Kernel::open_beneath(dirfd, name, flags);
    }
    long read(int fd, void* to, size_t size) override { return fails() ? -EIO : Kernel::read(fd, to, size); }
    long read_entries(int fd, void* to, size_t size) override {
        return fails() ? -EIO : Kernel::read_entries(fd, to, size);
    }
    int facts(int dirfd, const char* path, FileFacts& facts) override {
        return fails() ? -EIO : Kernel::facts(dirfd, path, facts);
    }
    int entry_facts(int dirfd, const char* name, FileFacts& facts) override {
        return fails() ? -EIO : Kernel::entry_facts(dirfd, name, facts);
    }
    int unlink(int dirfd, const char* name) override { return fails() ? -EIO : Kernel::unlink(dirfd, name); }
    int rmdir(int dirfd, const char* name) override { return fails() ? -EIO : Kernel::rmdir(dirfd, name); }
    int ipc_facts(Kind kind, int id, reap::IpcFacts& facts) override {
        return fails() ? -EIO : Kernel::ipc_facts(kind, id, facts);
    }
    int ipc_remove(Kind kind, int id) override { return fails() ? -EIO : Kernel::ipc_remove(kind, id); }
};

/// What is left after a reap in which one step failed. Empty when all is as it must be.
std::string reap_with_failure(FailingKernel& kernel) {
    Scratch scratch, precious;
    write_file(precious / "file", "precious");
    Stage stage;
    stage.kernel = &kernel;
    ledger::Handle tree = stage.make_directory(scratch / "d");
    mkdir((scratch / "d/sub").c_str(), 0700);
    write_file(scratch / "d/sub/file", "x");
    if (symlink(precious.path().c_str(), (scratch / "d/link").c_str()) != 0) return "symlink";
    ledger::Handle file = stage.make_file(scratch / "f");
    size_t descriptors = open_descriptors();
    reap::Result result = stage.reap();
    std::string wrong;
    if (open_descriptors() != descriptors) wrong += "descriptors leaked; ";
    if (read_whole_file(precious / "file") != "precious") wrong += "an innocent file was hit; ";
    for (ledger::Handle handle : {tree, file}) {
        std::string fate = stage.fate(handle);
        bool gone = !exists(handle == tree ? scratch / "d" : scratch / "f");
        if (fate.find("live") == 0) wrong += "a record was not settled; ";
        if (gone != (fate.find("reaped") == 0))
            wrong += "said " + fate + " of what is " + (gone ? "gone; " : "there; ");
    }
    if (result.errors + result.notes != 2) wrong += "a finding was lost; ";
    return wrong;
}

}  // namespace

TEST_CASE("whatever step fails, what is said of a thing is true of it and nothing is left open", "[end]") {
    FailingKernel counting;
    REQUIRE(reap_with_failure(counting) == "");
    // The steps at the beginning and at the end; in between everybody's descriptors are looked at.
    std::set<int> steps;
    for (int step = 0; step < 60; ++step)
        steps.insert({step, counting.asked - 1 - step});
    for (int step : steps) {
        FailingKernel failing;
        failing.fail_at = step;
        INFO("step " << step << " of " << counting.asked);
        CHECK(reap_with_failure(failing) == "");
    }
}

TEST_CASE("whatever step fails, a process is dead or said to be alive", "[end]") {
    for (int step = 0; step < 40; ++step) {
        FailingKernel failing;
        failing.fail_at = step;
        Stage stage;
        stage.kernel = &failing;
        Actor actor({"stay"});
        ledger::Handle handle = stage.record(actor);
        size_t descriptors = open_descriptors();
        stage.reap();
        INFO("step " << step << ": " << stage.fate(handle));
        bool said_dead = stage.fate(handle) == "gone" || stage.fate(handle).find("reaped") == 0;
        CHECK(said_dead == !actor.alive());
        CHECK(open_descriptors() == descriptors);
    }
}

}  // namespace leakshim::test
