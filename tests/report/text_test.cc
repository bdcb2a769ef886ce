// SPDX-License-Identifier: MIT
//
// The report for people, as a whole where its look matters.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "encoding.h"
#include "golden.h"
#include "ledger_builder.h"
#include "load.h"
#include "text_rows.h"
#include "tool.h"

using namespace leakshim;
using namespace leakshim::tools;
using namespace leakshim::test;
using ledger::Kind;
using ledger::Outcome;
using ledger::State;

namespace {

Style of_width(int width) {
    Style style;
    style.width = width;
    return style;
}

/// Without the lines that hold a rule.
std::string without_rules(const std::string& text) {
    std::string rest;
    for (const std::string& line : split_bytes(text, '\n'))
        if (line.find("rule: ") == line.npos) rest += line + "\n";
    return rest;
}

long lines_in(const std::string& text) {
    return std::count(text.begin(), text.end(), '\n');
}

std::string last_line(const std::string& text) {
    size_t end = text.find_last_not_of('\n');
    return text.substr(text.rfind('\n', end) + 1, end - text.rfind('\n', end));
}

int widest_line(const std::string& text) {
    int widest = 0;
    for (const std::string& line : split_bytes(text, '\n'))
        widest = std::max(widest, display_width(line));
    return widest;
}

}  // namespace

TEST_CASE("a daemon is shown below its test, and what it held below the daemon") {
    ScratchDirectory scratch;
    CHECK(text_of(make_daemon(scratch.path())) ==
          R"(leakshim session dae00000000000000000000000000000 (mode reap)
  pytest tests
  started 2025-11-21 08:12:03, ended after 4.21s by exit with status 0

  KIND                   STATE      PID      AT  WHAT

test_tmux.py::test_server
  process                reaped   40001  +0.03s  tmux new-session -d
  │                                              ended on SIGTERM
  │                                              held tcp 127.0.0.1:43211
  │                                              fix: end it where the test ends, also when that fails, and wait for it
  │                                              rule: process:tmux new-session -d;test=test_tmux.py::test_server
  ├ process              reaped   40002  +0.04s  sleep 600
  │                                              ended by itself while it was waited for
  │                                              fix: wait for it where the test ends
  │                                              rule: process:sleep *;test=test_tmux.py::test_server
  ├ listening port       reaped   40001  +0.05s  tcp 127.0.0.1:43211 (fd 6)
  ├ unix socket file     reaped   40001  +0.07s  /tmp/tmux-0/default
  │                                              fix: unlink it where its server ends, also when the test fails
  │                                              rule: unix_socket:/tmp/tmux-*/default;test=test_tmux.py::test_server
  └ temporary directory  kept     40001  +0.06s  /tmp/tmux-0
                                                 fix: remove it where the test ends, also when it fails
                                                 rule: temp_dir:/tmp/tmux-*;test=test_tmux.py::test_server

test_other.py::test_shell
  temporary directory    failed   40003  +0.10s  /tmp/leaky-1
                                                 refused: a mount point
                                                 made by mktemp -d
                                                 rule: temp_dir:/tmp/leaky-*;test=test_other.py::test_shell

outside of any test
  thread                 warning   1234  +0.11s  poller, tid 4711
                                                 still open when its process ended
                                                 fix: tell it to end where the test ends, and join it
                                                 rule: ignore thread:poller

meant to stay? a rule line keeps it, from the file that LEAKSHIM_RULES names on; --gen-rules prints rules for all

not seen:
  2 executions of static programs, which the shim can't be loaded into

SUMMARY: leakshim: 5 errors (4 reaped, 1 not to be reaped), 1 warning, 1 kept; blind: 2 static programs
)");
}

TEST_CASE("on a narrow terminal the columns go below each other and lines fit") {
    ScratchDirectory scratch;
    std::string text = text_of(make_daemon(scratch.path()), of_width(64));
    CHECK(contains(
        text, "  process: reaped, pid 40001, +0.03s\n  │   tmux new-session -d\n  │   ended on SIGTERM\n"));
    CHECK(contains(text, "  └ temporary directory: kept, pid 40001, +0.06s\n        /tmp/tmux-0\n"));
    CHECK(contains(text, "  │   fix: end it where the test ends, also when that fails,"));
    text.erase(text.find("SUMMARY"));  // one line for grep, however long
    text = without_rules(text);        // lines to paste
    CHECK(widest_line(text) <= 64);
}

TEST_CASE("a terminal without UTF-8 gets ASCII alone") {
    ScratchDirectory scratch;
    Style style;
    style.unicode = false;
    for (const std::string& path : {make_daemon(scratch.path()), make_odd_names(scratch.path())}) {
        for (char c : text_of(path, style))
            CHECK(static_cast<unsigned char>(c) < 0x80);
    }
}

TEST_CASE("a clean run is two facts and a summary") {
    ScratchDirectory scratch;
    std::string text = text_of(make_clean(scratch.path()));
    CHECK(lines_in(text) == 5);
    CHECK(last_line(text) == "SUMMARY: leakshim: nothing leaked; blind: none");
}

TEST_CASE("ten thousand leaks fit on a screen, and the rest of each kind is counted") {
    ScratchDirectory scratch;
    std::string text = text_of(make_many(scratch.path(), 10'000));
    CHECK(lines_in(text) < 100);
    CHECK(contains(text, "and 4980 more of this kind: temporary directory\n"));
    CHECK(contains(text, "and 4980 more of this kind: unix socket file\n"));
    CHECK(last_line(text) == "SUMMARY: leakshim: 10000 errors (10000 reaped), 0 warnings; blind: none");
    for (int height : {24, 30, 50, 100}) {
        Style terminal = of_width(100);
        terminal.height = height;
        INFO(height);
        CHECK(lines_in(text_of(scratch / "3a270000000000000000000000000000.ledger", terminal)) <= height);
    }
    Style all;
    all.all = true;
    CHECK(lines_in(text_of(scratch / "3a270000000000000000000000000000.ledger", all)) > 10'000);
}

TEST_CASE("an error is never crowded out by warnings and notes") {
    ScratchDirectory scratch;
    LedgerBuilder builder(scratch.path(), "c20d");
    for (int i = 0; i < 5000; ++i)
        builder.descriptor(Kind::pipe, 5 + i, "", {State::leaked, Outcome::open_at_exit});
    for (int i = 0; i < 30; ++i) {
        builder.path_record(Kind::temp_dir, fmt::format("/tmp/leak-{:02}", i),
                            {State::reaped, Outcome::removed});
    }
    builder.end(kSecond, 0);
    std::string text = text_of(builder.path());
    for (int i = 0; i < 30; ++i)
        CHECK(contains(text, fmt::format("/tmp/leak-{:02}\n", i)));
    CHECK(contains(text, "more of this kind: pipe (warning)"));
}

TEST_CASE("no row limit is exceeded and no record is counted twice") {
    ScratchDirectory scratch;
    for (const std::string& path : {make_everything(scratch.path()), make_many(scratch.path(), 100),
                                    make_daemon(scratch.path()), make_cycles(scratch.path())}) {
        auto file = LedgerFile::open(path);
        Report report = load_report(**file);
        for (size_t limit : {size_t{0}, size_t{1}, size_t{2}, size_t{7}, size_t{40}, size_t{1000}}) {
            RowPlan plan = plan_rows(report, limit, true);
            size_t shown = 0, hidden = 0;
            for (const Group& group : plan.groups)
                shown += group.rows.size();
            for (const Hidden& rest : plan.hidden)
                hidden += rest.count;
            CHECK(shown + hidden == report.items.size());
            if (limit != 0) CHECK(shown == std::min(limit, report.items.size()));
        }
    }
}

TEST_CASE("processes that are each other's parents are each shown once") {
    ScratchDirectory scratch;
    std::string text = text_of(make_cycles(scratch.path()));
    text = without_rules(text);
    for (const char* name : {"first", "second", "third"}) {
        size_t at = text.find(name);
        REQUIRE(at != std::string::npos);
        CHECK(text.find(name, at + 1) == std::string::npos);
    }
}

TEST_CASE("no byte of a name moves a terminal") {
    ScratchDirectory scratch;
    std::string text = text_of(make_odd_names(scratch.path()));
    for (unsigned char c : text)
        CHECK((c == '\n' || (c >= 0x20 && c != 0x7f)));
    CHECK(is_utf8(text));
    CHECK_FALSE(contains(text, "\xe2\x80\xae"));
    CHECK(contains(text, "/tmp/\\x1b[31mred\\x9b"));
    CHECK(contains(text, "/tmp/two\\x0alines"));
}

TEST_CASE("secrets in command lines are hidden unless asked for") {
    ScratchDirectory scratch;
    std::string path = make_odd_names(scratch.path());
    std::string text = text_of(path);
    CHECK_FALSE(contains(text, "hunter2"));
    CHECK_FALSE(contains(text, "s3cr3t"));
    Style style;
    style.redact = false;
    CHECK(contains(text_of(path, style), "hunter2"));
    CHECK(contains(text_of(path, style), "s3cr3t"));
}

TEST_CASE("a coloured report is the plain one with colours") {
    ScratchDirectory scratch;
    std::string path = make_daemon(scratch.path());
    Style style;
    style.colour = true;
    std::string coloured = text_of(path, style), plain;
    CHECK(contains(coloured, "\033[31mfailed\033[0m"));
    for (size_t at = 0; at < coloured.size();) {
        if (coloured[at] == '\033')
            at = coloured.find('m', at) + 1;
        else
            plain += coloured[at++];
    }
    CHECK(plain == text_of(path));
}

TEST_CASE("kept trees are listed ready to paste while they are the same, and not afterwards") {
    ScratchDirectory scratch;
    std::string tree = scratch / "it's kept";
    REQUIRE(mkdir(tree.c_str(), 0700) == 0);
    LedgerBuilder builder(scratch.path(), "4e9");
    builder.path_record(Kind::temp_dir, tree, {State::kept, Outcome::kept_at_desk}, 0,
                        file_id(AT_FDCWD, tree.c_str()));
    builder.end(kSecond, 0);
    std::string hint = "rm -rf -- " + shell_quoted(tree, true) + "\n";
    CHECK(contains(text_of(builder.path()), hint));
    CHECK(contains(text_of(builder.path()), "1 kept"));
    REQUIRE(rmdir(tree.c_str()) == 0);
    CHECK_FALSE(contains(text_of(builder.path()), "rm -rf"));
    REQUIRE(mkdir(tree.c_str(), 0700) == 0);
    CHECK_FALSE(contains(text_of(builder.path()), "rm -rf"));
}

TEST_CASE("what a killed run left is told from what is gone by now") {
    ScratchDirectory scratch;
    std::string text = text_of(make_dead(scratch.path(), scratch.path(), scratch / "gone"));
    CHECK(contains(text, "died without reaping"));
    CHECK(contains(text, "leaked"));
    CHECK(contains(text,
                   "SUMMARY: leakshim: 1 error (0 reaped), 0 warnings, 1 unresolved, 2 notes; blind: none"));
    CHECK_FALSE(contains(text, "/etc/passwd"));  // open files went with the process
}

TEST_CASE("every blind spot and every drop is said") {
    ScratchDirectory scratch;
    std::string text = text_of(make_everything(scratch.path()));
    for (const char* sentence :
         {"100 records dropped: no room", "101 records dropped: the ledger", "105 executions of static",
          "106 executions of set-id", "108 processes found only through /proc", "no pidfds"}) {
        INFO(sentence);
        CHECK(contains(text, sentence));
    }
    CHECK(
        contains(last_line(text), "blind: 105 static programs, 106 set-id programs, 107 32-bit programs, "));
}

TEST_CASE("a live session shows what its processes hold now") {
    ScratchDirectory scratch;
    LedgerBuilder live(scratch.path(), "11fe");
    live.path_record(Kind::temp_dir, "/tmp/being-used", {});
    std::string text = text_of(live.path());
    CHECK(contains(text, fmt::format("still running (pid {})", getpid())));
    CHECK(contains(text, "/tmp/being-used"));
    CHECK(contains(last_line(text), "SUMMARY: leakshim: 2 records, live"));
}

TEST_CASE("what was made in the first tick of the clock was made at once") {
    ScratchDirectory scratch;
    LedgerBuilder builder(scratch.path(), "71c4");
    u64 start = builder.header().created_boottime;
    for (u64 before : {16 * kMillisecond, 16 * kSecond}) {
        Fate leaked = {ledger::State::failed, ledger::Outcome::no_permission};
        builder.record(builder.path_record(ledger::Kind::temp_file, "/tmp/early", leaked)).born =
            start - before;
    }
    builder.end(kSecond, 0);
    std::string text = text_of(builder.path());
    INFO(text);
    CHECK(contains(text, "  +0.00s  /tmp/early"));
    CHECK(contains(text, "       -  /tmp/early"));
}

TEST_CASE("a file that a process had open twice is named once") {
    ScratchDirectory scratch;
    LedgerBuilder builder(scratch.path(), "4e1d");
    ledger::Handle process =
        builder.process(40001, {"server"}, {ledger::State::reaped, ledger::Outcome::ended_by_term});
    for (int fd : {3, 4, 5})
        builder.descriptor(ledger::Kind::file, fd, fd == 4 ? "/data/b" : "/data/a",
                           {ledger::State::reaped, ledger::Outcome::gone_with_holder}, process);
    builder.end(kSecond, 0);
    std::string text = text_of(builder.path());
    INFO(text);
    CHECK(contains(text, "held /data/a, /data/b\n"));
}
