// SPDX-License-Identifier: MIT
//
// What the formats for other programs share: keys that outlast a run, places in the sources, and what the
// environment asks for.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <set>

#include "findings.h"
#include "golden.h"
#include "lasting_names.h"
#include "ledger_builder.h"
#include "load.h"
#include "tool.h"

using namespace leakshim;
using namespace leakshim::tools;
using namespace leakshim::test;
using ledger::Kind;

namespace {

constexpr Fate kRemoved = {ledger::State::reaped, ledger::Outcome::removed};

/// One run of a suite, in which all that chance decides is another.
std::vector<std::string> keys_of_a_run(int pid, u16 port, std::string_view random) {
    ScratchDirectory scratch;
    LedgerBuilder builder(scratch.path(), "4e75");
    builder.in_test("test_a.py::test_b[1] (call)");
    ledger::Handle server =
        builder.process(pid, {"server", "--port", std::to_string(port), "/tmp/tmp" + std::string(random)},
                        {ledger::State::reaped, ledger::Outcome::ended_by_term});
    builder.socket(5, SOCK_STREAM, port, ledger::flag::kBound | ledger::flag::kListening, kRemoved, server);
    builder.path_record(Kind::temp_dir, "/tmp/tmp" + std::string(random), kRemoved);
    builder.path_record(Kind::temp_dir, "/tmp/pytest-of-you/pytest-" + std::to_string(pid) + "/x", kRemoved);
    builder.path_record(Kind::temp_file, "/tmp/log-" + std::string(random.substr(0, 6)) + ".txt", kRemoved);
    builder.record(builder.path_record(Kind::temp_dir, "/tmp/by" + std::string(random.substr(2)), kRemoved))
        .flags |= ledger::flag::kByName;
    builder.thread(pid + 1, "pool-" + std::to_string(pid % 7),
                   {ledger::State::leaked, ledger::Outcome::open_at_exit});
    builder.end(kSecond, 0);
    auto file = LedgerFile::open(builder.path());
    Report report = load_report(**file);
    LastingNames names(report);
    std::vector<std::string> keys;
    for (const Item& item : report.items)
        keys.push_back(names.key_of(item));
    return keys;
}

}  // namespace

TEST_CASE("a leak has the same key in the next run, with other pids, ports and random names") {
    std::vector<std::string> keys = keys_of_a_run(4711, 40001, "a1b2c3d4");
    CHECK(keys == keys_of_a_run(12, 8080, "x9y87w_z"));
    CHECK(keys == keys_of_a_run(99, 1, "q0w1e2rt"));
    REQUIRE(keys.size() == 7);
    CHECK(std::set<std::string>(keys.begin(), keys.end()).size() == keys.size());
    CHECK(keys[0] == "process:server --port * /tmp/tmp*;test=test_a.py::test_b[1]");
    CHECK(keys[2] == "temp_dir:/tmp/tmp*;test=test_a.py::test_b[1]");
}

TEST_CASE("words that somebody wrote stay in a key") {
    CHECK(without_chance("/tmp/tmux-1000/default") == "/tmp/tmux-*/default");
    CHECK(without_chance("TestServerThread") == "TestServerThread");
    CHECK(without_chance("/tmp/tmpfiles") == "/tmp/tmpfiles");
    CHECK(without_chance("/tmp/tmpab12cd3_") == "/tmp/tmp*");
    CHECK(without_chance("/tmp/tmp.Ab3dEfGh1j") == "/tmp/tmp.*");
    CHECK(without_chance("node18") == "node*");
    // Python's tempfile behind a prefix of the program's own.
    CHECK(without_chance("/tmp/srv-st_obmtj/a") == "/tmp/srv-*/a");
    CHECK(without_chance("/tmp/srv_wvtnigyt") == "/tmp/srv_*");
    CHECK(without_chance("/tmp/my_database.db") == "/tmp/my_database.db");
    CHECK(without_chance("test_foo __init__ ________") == "test_foo __init__ ________");
}

TEST_CASE("in a job of GitHub Actions the text comes with annotations, and can give no command") {
    ScratchDirectory scratch;
    std::string ledger = make_traps(scratch.path());
    std::string plain = run_tool({ledger}).out;
    CHECK_FALSE(contains(plain, "::error title"));
    std::string out = run_tool({ledger}, {{"GITHUB_ACTIONS", "true"}}).out;
    std::string stop = "::stop-commands::";
    REQUIRE(out.starts_with(stop));
    std::string token = out.substr(stop.size(), out.find('\n') - stop.size());
    CHECK(token.size() > 32);
    size_t end = out.find("\n::" + token + "::\n");
    REQUIRE(end != std::string::npos);
    CHECK(out.substr(out.find('\n') + 1, end - out.find('\n')) == plain);
    CHECK(contains(out.substr(end), "\n::error title=leakshim"));
    CHECK_FALSE(contains(run_tool({ledger}, {{"GITHUB_ACTIONS", "true"}}).out, token));
}

TEST_CASE("a format that is asked for, and a file, are what they are anywhere else") {
    ScratchDirectory scratch;
    std::string ledger = make_daemon(scratch.path());
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"--json", ledger}, {"--format=text", ledger}, {"--format=tap", ledger}})
        CHECK(run_tool(arguments, {{"GITHUB_ACTIONS", "true"}}).out == run_tool(arguments).out);
    run_tool({ledger, "--output", scratch / "report"}, {{"GITHUB_ACTIONS", "true"}});
    CHECK(file_text(scratch / "report") == run_tool({ledger}).out);
}

TEST_CASE("what a tree that is still there takes is said, and of one that is gone nothing") {
    ScratchDirectory scratch;
    std::string tree = scratch / "tree";
    REQUIRE(mkdir(tree.c_str(), 0700) == 0);
    for (int i = 0; i < 9; ++i)
        write_file(tree + "/" + std::to_string(i), std::string(5000, 'x'));
    REQUIRE(link((tree + "/0").c_str(), (tree + "/link").c_str()) == 0);
    REQUIRE(symlink("/", (tree + "/root").c_str()) == 0);
    LedgerBuilder builder(scratch.path(), "517e");
    Fate kept = {ledger::State::kept, ledger::Outcome::kept_at_desk};
    builder.path_record(Kind::temp_dir, tree, kept, 0, file_id(AT_FDCWD, tree.c_str()));
    builder.path_record(Kind::temp_dir, "/usr", kept);
    builder.end(kSecond, 0);
    auto file = LedgerFile::open(builder.path());
    TreeMeasure measure;
    Report report = load_report(**file, &measure);
    REQUIRE(report.sizes.size() == 1);
    const TreeSize& size = report.sizes.begin()->second;
    CHECK(size.inodes == 11);
    CHECK(size.bytes >= 9 * 5000);
    CHECK(size.whole);
}
