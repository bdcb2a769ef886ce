// SPDX-License-Identifier: MIT
//
// The action log: what it says of each act, and when it says it.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "stage.h"

namespace leakshim::test {

using ledger::Handle;

namespace {

/// Notes what the log had when a signal was sent.
struct ListeningKernel : reap::Kernel {
    const std::vector<std::string>& log;
    std::string said;

    explicit ListeningKernel(const std::vector<std::string>& the_log) : log(the_log) {}
    int pidfd_signal(int pidfd, int signal) override {
        if (signal == SIGTERM) {
            for (const std::string& lines : log)
                said += lines;
        }
        return reap::Kernel::pidfd_signal(pidfd, signal);
    }
};

std::string all_of(const std::vector<std::string>& writes) {
    std::string all;
    for (const std::string& lines : writes) {
        CHECK(lines.back() == '\n');
        all += lines;
    }
    return all;
}

std::string line_about(const std::string& log, const std::string& path) {
    std::istringstream lines(log);
    std::string found;
    for (std::string line; std::getline(lines, line);) {
        if (line.find(" " + path + ":") == std::string::npos) continue;
        CHECK(found.empty());
        found = line;
    }
    return found;
}

}  // namespace

TEST_CASE("each of many that go has a line of its own, with what it was known by", "[log]") {
    constexpr int kMany = 300;
    Scratch scratch;
    Stage stage;
    std::vector<std::pair<std::string, Handle>> made;
    for (int i = 0; i < kMany; ++i) {
        std::string path = scratch / std::to_string(i);
        made.emplace_back(path, stage.make_directory(path));
    }
    // One of them has been taken away, and somebody else's has its name.
    const std::string& taken = made[kMany / 2].first;
    REQUIRE(rmdir(taken.c_str()) == 0);
    REQUIRE(mkdir((scratch / "between").c_str(), 0700) == 0);
    REQUIRE(mkdir(taken.c_str(), 0700) == 0);
    std::set<std::string> identities;
    for (const auto& [path, handle] : made)
        identities.insert("inode " + std::to_string(stage.entry(handle).b) + " ");
    REQUIRE(identities.size() == kMany);
    stage.reap();
    CHECK(exists(taken));
    std::string log = all_of(stage.log);
    CHECK(std::count(log.begin(), log.end(), '\n') == kMany);
    for (const auto& [path, handle] : made) {
        std::string line = line_about(log, path);
        std::string identity = "inode " + std::to_string(stage.entry(handle).b) + " ";
        CHECK(line.find(identity) != std::string::npos);
        CHECK(line.find("; made by pid " + std::to_string(getpid())) != std::string::npos);
        CHECK(line.find(path == taken ? " not reaped " : " reaped ") != std::string::npos);
    }
    CHECK(stage.log.size() < kMany / 4);
}

TEST_CASE("the line of a signal is there when the signal is sent, with all that went before it", "[log]") {
    Stage stage;
    Actor actor({"stay"});
    stage.record(actor);
    ListeningKernel kernel(stage.log);
    stage.kernel = &kernel;
    stage.reap();
    CHECK_FALSE(actor.alive());
    std::string wanted = " sending SIGTERM to process " + std::to_string(actor.pid()) + " ";
    CHECK(kernel.said.find(wanted) != std::string::npos);
    CHECK(all_of(stage.log).find(" reaped process " + std::to_string(actor.pid()) + " ") !=
          std::string::npos);
}

TEST_CASE("a run that only looks writes no line", "[log]") {
    Scratch scratch;
    Stage stage;
    stage.make_directory(scratch / "kept");
    stage.options.reap = false;
    stage.reap();
    CHECK(exists(scratch / "kept"));
    CHECK(stage.log.empty());
}

}  // namespace leakshim::test
