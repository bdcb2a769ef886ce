// SPDX-License-Identifier: MIT
//
// What the text report advises: rules that are accepted and match, commands for what is there and no other,
// each remedy once.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <memory>
#include <numeric>

#include "encoding.h"
#include "golden.h"
#include "ledger_builder.h"
#include "load.h"
#include "proc.h"
#include "rules.h"
#include "text_advice.h"
#include "text_rows.h"
#include "text_rules.h"
#include "tool.h"

using namespace leakshim;
using namespace leakshim::tools;
using namespace leakshim::test;
using ledger::Kind;
using ledger::Outcome;
using ledger::State;

namespace {

constexpr Fate kRemoved = {State::reaped, Outcome::removed};

Report report_of(const std::string& path) {
    auto file = LedgerFile::open(path);
    return load_report(**file);
}

/// The rules for all that a report has.
std::vector<std::string> rules_for(const Report& report) {
    std::vector<u32> all(report.items.size());
    std::iota(all.begin(), all.end(), 0);
    return RuleBook(report, all).lines();
}

/// `rules` as the shim reads them; what it complains about goes to `complaints`.
std::unique_ptr<rules::Rules> parsed(const std::string& text, std::string& complaints) {
    auto parsed = std::make_unique<rules::Rules>();
    char room[4096];
    TextBuffer buffer(room, sizeof room);
    rules::parse_rules(text, *parsed, buffer);
    complaints = std::string(buffer.str());
    return parsed;
}

/// The item as the policy asks about it.
rules::Subject subject_of(const Report& report, const Item& item, std::string& thread) {
    thread = thread_name_of(item);
    const Process* process = report.process_of(item);
    rules::Subject subject;
    subject.kind = item.kind;
    subject.name = item.kind == Kind::thread ? Str(thread) : Str(item.text);
    if (process != nullptr) subject.command = process->command;
    subject.test = policy::test_name(report.test_of(item));
    return subject;
}

size_t times_in(std::string_view text, std::string_view part) {
    size_t count = 0;
    for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size()))
        ++count;
    return count;
}

}  // namespace

TEST_CASE("each rule that the report prints is accepted, and matches the finding that it was made for") {
    ScratchDirectory scratch;
    for (const std::string& path : {make_daemon(scratch.path()), make_everything(scratch.path()),
                                    make_odd_names(scratch.path()), make_traps(scratch.path())}) {
        Report report = report_of(path);
        std::string text, complaints, thread;
        for (const std::string& rule : rules_for(report))
            text += rule + "  # why\n";
        auto rules = parsed(text, complaints);
        CHECK(complaints == "");
        CHECK(rules->count == times_in(text, "\n"));
        for (const Item& item : report.items) {
            bool by_name = item.kind == Kind::process || item.kind == Kind::thread ||
                           ledger::is_path(item.kind) || ledger::is_named_ipc(item.kind);
            bool nameless = item.kind == Kind::thread && thread_name_of(item).empty();
            if (!by_name || nameless || item.degree == policy::Degree::note) continue;
            INFO(text << "does not match " << kind_name_of(item) << " " << item.text);
            CHECK(rules::match(*rules, subject_of(report, item, thread)) != nullptr);
        }
        for (u32 i = 0; i < rules->count; ++i) {
            INFO(std::string(rules->rule[i].text));
            CHECK((rules->rule[i].hits != 0 || rules->rule[i].kind == Kind::socket ||
                   ledger::is_fd(rules->rule[i].kind) || rules->rule[i].kind == Kind::temp_dir ||
                   rules->rule[i].kind == Kind::temp_file));
        }
    }
}

TEST_CASE("a rule does not keep another test's things, nor another program") {
    ScratchDirectory scratch;
    Report report = report_of(make_daemon(scratch.path()));
    std::string complaints;
    std::string rule = rules_for(report).front() + "\n";
    auto rules = parsed(rule, complaints);
    constexpr char kCommand[] = "tmux\0new-session\0-d";
    rules::Subject subject = {Kind::process, false, {}, Str(kCommand, sizeof kCommand - 1), {}};
    subject.test = "test_tmux.py::test_server";
    CHECK(rules::match(*rules, subject) != nullptr);
    subject.test = "test_tmux.py::test_other";
    CHECK(rules::match(*rules, subject) == nullptr);
    subject.test = "test_tmux.py::test_server";
    subject.command = Str("tmux\0kill-server", 16);
    CHECK(rules::match(*rules, subject) == nullptr);
}

TEST_CASE("no secret gets into a rule") {
    ScratchDirectory scratch;
    for (const std::string& rule : rules_for(report_of(make_odd_names(scratch.path())))) {
        CHECK_FALSE(contains(rule, "s3cr3t"));
        CHECK_FALSE(contains(rule, "REDACTED"));
    }
}

TEST_CASE("four hundred equal leaks of forty tests get one remedy and one rule") {
    ScratchDirectory scratch;
    LedgerBuilder builder(scratch.path(), "e9a1");
    for (int i = 0; i < 400; ++i) {
        builder.in_test(fmt::format("test_equal.py::test_{:02}", i / 10));
        // Names as Python's tempfile makes them; one in fifty looks like a word.
        const char* chance = i % 50 == 49 ? "bananamo" : i % 2 == 0 ? "xk3_9fq2" : "wvtnigyt";
        builder.path_record(Kind::temp_dir, fmt::format("/tmp/made-{}-{}", i, chance), kRemoved);
    }
    builder.end(kSecond, 0);
    std::string text = text_of(builder.path());
    CHECK(times_in(text, "fix: ") == 1);
    CHECK(contains(text, " rule: temp_dir:/tmp/made-*-*;test=test_equal.py::test_*\n"));
    CHECK(times_in(text, "rule: ") == 1);
    // One example of each test, rather than forty of the first four.
    CHECK(times_in(text, "\ntest_equal.py::") == 40);
    CHECK(contains(text, "test_00  (1 of 10 shown)\n"));
}

TEST_CASE("commands name what is still there, and nothing that has changed or gone") {
    ScratchDirectory scratch;
    LedgerBuilder builder(scratch.path(), "c0de");
    std::string there = scratch / "there", other = scratch / "other";
    REQUIRE(mkdir(there.c_str(), 0700) == 0);
    REQUIRE(mkdir(other.c_str(), 0700) == 0);
    Fate leaked = {State::leaked, Outcome::kept_by_mode};
    builder.path_record(Kind::temp_dir, there, leaked, 0, file_id(AT_FDCWD, there.c_str()));
    FileId changed = file_id(AT_FDCWD, other.c_str());
    changed.ino += 1;
    builder.path_record(Kind::temp_dir, other, leaked, 0, changed);
    builder.path_record(Kind::temp_dir, scratch / "gone", leaked);
    builder.path_record(Kind::temp_dir, scratch.path(), {State::failed, Outcome::brake_mount}, 0,
                        file_id(AT_FDCWD, scratch.path().c_str()));
    builder.end(kSecond, 0);
    builder.header().flags &= ~ledger::session_flag::kReap;
    std::string text = text_of(builder.path());
    CHECK(contains(text, "leakshim-reap --force --session c0de00000000\n"));
    CHECK(contains(text, "rm -rf -- " + shell_quoted(there, true) + "\n"));
    CHECK(times_in(text, "rm -rf") == 1);
}

TEST_CASE("a process is to be killed by its number only while it is that very process") {
    ScratchDirectory scratch;
    pid_t pid = 0;
    char name[] = "sleep", seconds[] = "600";
    char* arguments[] = {name, seconds, nullptr};
    REQUIRE(posix_spawnp(&pid, "sleep", nullptr, nullptr, arguments, environ) == 0);
    ProcessStat stat;
    REQUIRE(read_process_stat(pid, stat));
    u64 start = stat.start;
    int made = 0;
    auto text_with_start = [&](u64 late) {
        LedgerBuilder builder(scratch.path(), fmt::format("5{}", ++made));
        ledger::Handle process =
            builder.process(pid, {"sleep", "600"}, {State::leaked, Outcome::kept_by_mode});
        builder.record(process).a = 0;
        builder.record(process).b = start + late;
        builder.end(kSecond, 0);
        return text_of(builder.path());
    };
    CHECK(contains(text_with_start(0), fmt::format("  kill {}\n", pid)));
    CHECK_FALSE(contains(text_with_start(kSecond), "kill "));
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    CHECK_FALSE(contains(text_with_start(0), "kill "));
}

TEST_CASE("a tree that a test made and its daemon serves from is shown below the daemon") {
    ScratchDirectory scratch;
    LedgerBuilder builder(scratch.path(), "ed9e");
    builder.in_test("test_edges.py::test_server");
    builder.path_record(Kind::temp_dir, "/tmp/served", {State::kept, Outcome::kept_at_desk});
    builder.path_record(Kind::temp_dir, "/tmp/apart", {State::kept, Outcome::kept_at_desk});
    ledger::Handle server = builder.process(40001, {"server"}, {State::reaped, Outcome::ended_by_term});
    builder.path_record(Kind::unix_socket, "/tmp/served/deep/socket", kRemoved, server);
    builder.end(kSecond, 0);
    Report report = report_of(builder.path());
    RowPlan plan = plan_rows(report, 0, true);
    REQUIRE(plan.groups.size() == 1);
    std::vector<std::string> rows;
    for (const Row& row : plan.groups[0].rows)
        rows.push_back(fmt::format("{}{}", row.branch, kind_title_of(report.items[row.item])));
    CHECK(rows == std::vector<std::string>{"process", "├ unix socket file", "└ temporary directory",
                                           "temporary directory"});
    CHECK(report.items[plan.groups[0].rows[3].item].text == "/tmp/apart");
}
