// SPDX-License-Identifier: MIT
//
// Baselines and generated rules: what is known does not fail, what is new does; each printed rule is one that
// the shim reads and that matches what it was printed for.
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "baseline.h"
#include "findings.h"
#include "golden.h"
#include "lasting_names.h"
#include "ledger_builder.h"
#include "rules.h"
#include "tool.h"

using namespace leakshim;
using namespace leakshim::tools;
using namespace leakshim::test;
using ledger::Kind;
using nlohmann::json;

namespace {

constexpr Fate kRemoved = {ledger::State::reaped, ledger::Outcome::removed};
constexpr Fate kOpen = {ledger::State::leaked, ledger::Outcome::open_at_exit};

/// A run that leaves so many directories of a random name in one test, and `others` of another name.
std::string make_run(const std::string& directory, int count, int others, bool with_thread = true) {
    std::filesystem::remove(directory + "/ba5e" + std::string(28, '0') + ".ledger");
    LedgerBuilder builder(directory, "ba5e");
    builder.in_test("test_a.py::test_b");
    for (int i = 0; i < count; ++i)
        builder.path_record(Kind::temp_dir, "/tmp/cache-" + std::to_string(1234567 + i * 7919), kRemoved);
    for (int i = 0; i < others; ++i)
        builder.path_record(Kind::temp_dir, "/tmp/another", kRemoved);
    if (with_thread) builder.thread(7, "worker", kOpen);
    builder.end(kSecond, 0);
    return builder.path();
}

void check_complaint(const Ran& ran, std::string_view about) {
    INFO(ran.err);
    CHECK(ran.status == 2);
    CHECK(ran.out.empty());
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
    CHECK(contains(ran.err, about));
}

/// The lines that are rules.
std::vector<std::string> rules_in(const std::string& text) {
    std::vector<std::string> lines;
    for (size_t at = 0; at < text.size();) {
        size_t end = std::min(text.find('\n', at), text.size());
        if (end != at && text[at] != '#') lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

}  // namespace

TEST_CASE("a baseline that is not there is made on request, and what is in it fails no more") {
    ScratchDirectory scratch;
    std::string ledger = make_run(scratch.path(), 2, 0), file = scratch / "baseline";
    check_complaint(run_tool({ledger, "--baseline", file}), "--update-baseline makes it");
    Ran made = run_tool({ledger, "--baseline", file, "--update-baseline"});
    CHECK(made.status == 0);
    std::string text = file_text(file);
    CHECK(text.starts_with("# leakshim baseline 1\n"));
    CHECK(
        text.ends_with("\n2 error temp_dir:/tmp/cache-*;test=test_a.py::test_b\n"
                       "1 warning thread:worker;test=test_a.py::test_b\n"));
    Ran ran = run_tool({ledger, "--baseline", file});
    CHECK(ran.status == 0);
    CHECK(contains(ran.out, "\nand 3 known (baseline " + file + ")\n"));
    CHECK(contains(ran.out, "\nSUMMARY: leakshim: nothing new leaked, 3 known; "));
    CHECK_FALSE(contains(ran.out, "/tmp/cache-"));
    CHECK(file_text(file) == text);
}

TEST_CASE("of more than a baseline knows only the last are new") {
    ScratchDirectory scratch;
    std::string file = scratch / "baseline";
    run_tool({make_run(scratch.path(), 2, 0), "--baseline", file, "--update-baseline"});
    std::string ledger = make_run(scratch.path(), 3, 1);
    Ran ran = run_tool({ledger, "--baseline", file});
    CHECK(ran.status == 1);
    CHECK(contains(ran.out, "/tmp/cache-" + std::to_string(1234567 + 2 * 7919)));
    CHECK_FALSE(contains(ran.out, "/tmp/cache-1234567"));
    CHECK(contains(ran.out, "/tmp/another"));
    CHECK(contains(ran.out, "SUMMARY: leakshim: 2 errors (2 reaped), 0 warnings, 3 known; "));
}

TEST_CASE("a baseline shrinks unless it is told to grow") {
    ScratchDirectory scratch;
    std::string file = scratch / "baseline", more;
    run_tool({make_run(scratch.path(), 2, 0), "--baseline", file, "--update-baseline"});
    std::string before = file_text(file);
    more = make_run(scratch.path(), 3, 1);
    CHECK(run_tool({more, "--baseline", file, "--update-baseline"}).status == 1);
    CHECK(file_text(file) == before);
    CHECK(run_tool({more, "--baseline", file, "--update-baseline=grow"}).status == 0);
    CHECK(contains(file_text(file), "\n3 error temp_dir:/tmp/cache-*;"));
    CHECK(contains(file_text(file), "\n1 error temp_dir:/tmp/another;"));
    CHECK(run_tool({make_run(scratch.path(), 1, 0, false), "--baseline", file, "--update-baseline"}).status ==
          0);
    CHECK(contains(file_text(file), "\n1 error temp_dir:/tmp/cache-*;"));
    CHECK_FALSE(contains(file_text(file), "another"));
    CHECK_FALSE(contains(file_text(file), "worker"));
    std::string clean = make_clean(scratch.path());
    CHECK(run_tool({clean, "--baseline", file, "--update-baseline"}).status == 0);
    CHECK(file_text(file) == baseline_text({}));
}

TEST_CASE("a known warning does not hide an error of the same name") {
    Baseline known = {{{"thread:worker;test=", "warning"}, 1}};
    Baseline found = {{{"thread:worker;test=", "error"}, 1}};
    CHECK(shrunk(known, found).empty());
    auto read_back = parse_baseline(baseline_text(known));
    REQUIRE(read_back.ok());
    CHECK(*read_back == known);
}

TEST_CASE("no format calls a failure what a baseline knows") {
    ScratchDirectory scratch;
    std::string ledger = make_run(scratch.path(), 2, 0), file = scratch / "baseline";
    run_tool({ledger, "--baseline", file, "--update-baseline"});
    for (const Format& format : formats()) {
        std::string option = "--format=" + std::string(format.name);
        Ran bare = run_tool({ledger, option}), ran = run_tool({ledger, option, "--baseline", file});
        INFO(format.name << "\n" << ran.out);
        CHECK(bare.status == 1);
        CHECK(ran.status == 0);
        CHECK(contains(bare.out, "cache-") == (format.name != "prometheus"));
        bool for_all = format.name == "json" || format.name == "jsonl";
        CHECK(contains(ran.out, "cache-") == for_all);
        for (const char* failure : {"not ok", "<failure", "::error", "\"severity\"", "\"degree\":\"error\"",
                                    "leaks{kind=\"temp_dir\"} 2"})
            CHECK_FALSE(contains(ran.out, failure));
    }
}

TEST_CASE("the reports of shards have one baseline, and a saved report remembers what was known") {
    ScratchDirectory scratch;
    std::string file = scratch / "baseline";
    std::string a = scratch / "a.json", b = scratch / "b.json";
    write_file(a, run_tool({make_daemon(scratch.path()), "--json"}).out);
    write_file(b, run_tool({make_run(scratch.path(), 2, 0), "--json"}).out);
    CHECK(run_tool({a, b, "--baseline", file, "--update-baseline"}).status == 0);
    Ran both = run_tool({a, b, "--baseline", file, "--json"});
    CHECK(both.status == 0);
    json report = json::parse(both.out);
    CHECK(report["summary"]["errors"] == 0);
    CHECK(report["baseline"]["file"] == file);
    CHECK(report["baseline"]["known"] == 9);
    write_file(scratch / "both.json", both.out);
    CHECK(run_tool({scratch / "both.json"}).status == 0);
    CHECK(contains(run_tool({scratch / "both.json"}).out, "and 9 known (baseline)"));
    // What was known to one baseline is new to another.
    write_file(scratch / "empty", baseline_text({}));
    CHECK(run_tool({scratch / "both.json", "--baseline", scratch / "empty"}).status == 1);
}

TEST_CASE("a file that is no baseline is one sentence with status 2, and stays as it is") {
    ScratchDirectory scratch;
    std::string ledger = make_run(scratch.path(), 1, 0), file = scratch / "baseline";
    std::string head = "# leakshim baseline 1\n\n# by hand\n";
    for (const char* line : {"", "2", "2 error", "x error a:b;test=", "2 fatal a:b;test=",
                             "0 error a:b;test=", "-1 error a:b;test=", "2 error nothing", "<<<<<<< ours",
                             "2\terror a:b;test=", "99999999999999999999 error a:b;test=", "\xff\x1b[31m"}) {
        std::string text = line[0] == '\0' ? "2 error a:b;test=\n" : head + line + "\n";
        write_file(file, text);
        for (const char* update : {"--update-baseline", "--update-baseline=grow", "--all"}) {
            check_complaint(run_tool({ledger, "--baseline", file, update}),
                            line[0] == '\0' ? "it is no baseline" : "line 4 ");
            CHECK(file_text(file) == text);
        }
    }
    check_complaint(run_tool({ledger, "--baseline", scratch.path()}), "it is a directory");
    check_complaint(run_tool({ledger, "--update-baseline"}), "needs --baseline");
    check_complaint(run_tool({ledger, "--baseline", file, "--update-baseline=more"}), "=grow");
    check_complaint(run_tool({"--list", "--baseline", file}), "for reports");
    check_complaint(run_tool({ledger, "--gen-rules", "--json"}), "no other format");
}

TEST_CASE("a session that still runs makes no baseline") {
    ScratchDirectory scratch;
    LedgerBuilder live(scratch.path(), "11fe");
    live.path_record(Kind::temp_dir, "/tmp/being-used", {});
    check_complaint(run_tool({live.path(), "--baseline", scratch / "baseline", "--update-baseline"}),
                    "still runs");
}

TEST_CASE("names of chance alone are the same key") {
    std::string four(4, '?');
    CHECK(without_chance("/tmp/550e8400-e29b-41d4-a716-446655440000.sock") ==
          "/tmp/" + four + four + "-" + four + "-" + four + "-" + four + "-" + four + four + four + ".sock");
    CHECK(without_chance("/tmp/x-550e8400-e29b-41d4-a716-446655440000") == "/tmp/x-*");
    CHECK(without_chance("/tmp/deadb3e5") == "/tmp/????????");
    CHECK(without_chance("/tmp/x-a1b2c3/y") == "/tmp/x-*/y");
    CHECK(without_chance("/tmp/facade") == "/tmp/facade");
    CHECK(without_chance("/tmp/cache-k3v_x9ab") == "/tmp/cache-*");
    CHECK(without_chance("/tmp/cache-bqzkvxwp.txt") == "/tmp/cache-*.txt");
    for (const char* word : {"/tmp/app-settings", "postgresql", "kubernetes", "my_directory", "sqlalchemy",
                             "/usr/lib/systemd", "tests.integration", "chromedriver", "gunicorn --workers"})
        CHECK(without_chance(word) == word);
    CHECK(without_chance("/tmp/550e8400-e29b-41d4-a716-44665544zzzz") == "/tmp/*-e29b-41d*-a*-*zzzz");
}

TEST_CASE("a number within a word is part of it, and of each name something stays") {
    for (const char* name : {"/tmp/postgres15data", "/tmp/web2py-cache", "/tmp/http2srv.sock", "sha256sum",
                             "/tmp/s3cache", "/tmp/sqlite3test", "/tmp/mp4files", "/tmp/k8sconf",
                             "/tmp/m2repo", "/tmp/f2fsimage", "/tmp/my-mp4files", "7z"})
        CHECK(without_chance(name, Use::glob) == name);
    CHECK(without_chance("/tmp/log4j2", Use::glob) == "/tmp/log4j*");
    CHECK(without_chance("/tmp/my_app2_x", Use::glob) == "/tmp/my_app*_x");
    CHECK(without_chance("/tmp/job12345x") == "/tmp/job*x");
    // What is a number alone is as long in a rule, and any number in a key.
    CHECK(without_chance("/tmp/12345", Use::glob) == "/tmp/?????");
    CHECK(without_chance("/tmp/12345.sock", Use::glob) == "/tmp/?????.sock");
    CHECK(without_chance("/tmp/12345") == "/tmp/*");
    CHECK(without_chance("/tmp/12345/x", Use::glob) == "/tmp/*/x");
    CHECK(without_chance("sleep 100", Use::glob) == "sleep *");
}

TEST_CASE("a template in the command line that made a name says what is chance in it") {
    auto made = [](std::initializer_list<const char*> arguments, const char* path) {
        std::string command;
        for (const char* argument : arguments)
            command += argument + std::string(1, '\0');
        return without_template_of(command, path).value_or("");
    };
    CHECK(made({"mktemp", "-q", "/tmp/rvfoo.XXXXXX"}, "/tmp/rvfoo.AGdiAg") == "/tmp/rvfoo.*");
    CHECK(made({"/usr/bin/mktemp", "-d"}, "/tmp/tmp.abcdefghij") == "/tmp/tmp.*");
    CHECK(made({"mktemp", "-d", "/tmp/build-XXXX"}, "/tmp/build-bi5n") == "/tmp/build-*");
    CHECK(made({"mktemp", "--suffix=.txt", "-t", "fooXXXXX"}, "/tmp/fooabcde.txt") == "/tmp/foo*.txt");
    CHECK(made({"sh", "-c", "x=$(mktemp -d /tmp/XXXXXX); y"}, "/tmp/abcdef") == "/tmp/??????");
    CHECK(made({"mktemp", "XXXXXX.log"}, "/tmp/abcdef.log") == "/tmp/??????.log");
    CHECK(made({"mktemp", "-d", "/tmp/build-XXXX"}, "/tmp/other-bi5n").empty());
    CHECK(made({"touch", "/tmp/log"}, "/tmp/log").empty());
}

TEST_CASE("the tail of a name that Python or another maker chose is chance, whatever it looks like") {
    CHECK(without_python_tail("/tmp/job-settings", true) == "/tmp/job-*");
    CHECK(without_python_tail("/tmp/job-_abcdefg", true) == "/tmp/job-*");
    CHECK(without_python_tail("/tmp/job_ab_d1234.tar.gz", true) == "/tmp/job_*.tar.gz");
    CHECK(without_python_tail("/tmp/tmpsettings", true) == "/tmp/tmp*");
    CHECK(without_python_tail("/tmp/_abc1234", true) == "/tmp/????????");
    CHECK_FALSE(without_python_tail("/tmp/pytest-of-developer", true));
    CHECK_FALSE(without_python_tail("/tmp/pytest-of-you", true));
    CHECK(without_python_tail("/tmp/pymp-abc/listener-abcdefor", false) == "/tmp/pymp-abc/listener-*");
    CHECK(without_python_tail("/mp-abcdefor", false) == "/mp-*");
    CHECK(without_python_tail("/tmp/app-a1b2cdef", false) == "/tmp/app-*");
    for (const char* name : {"/tmp/my-mp4files", "/tmp/app-settings", "/tmp/app-postgres", "/tmp/a1b2c3de"})
        CHECK_FALSE(without_python_tail(name, false));
    CHECK(without_odd_word("/tmp/.tmpAbCdEf") == "/tmp/.tmp*");
    CHECK(without_odd_word("/tmp/d20240101-1234-1x2y3z") == "/tmp/d20240101-1234-*");
    CHECK(without_odd_word("/tmp/aBcDeFgHiJ") == "/tmp/??????????");
    CHECK_FALSE(without_odd_word("/tmp/app-settings"));
    CHECK_FALSE(without_odd_word("/tmp/tmux-1000"));
}

TEST_CASE("a name that is known to be of a template is the same in the command line of whoever uses it") {
    ScratchDirectory scratch;
    LedgerBuilder builder(scratch.path(), "4e75");
    ledger::Handle maker =
        builder.process(70, {"mktemp", "-d", "/tmp/agent-XXXXXX"}, {ledger::State::ended, {}});
    builder.path_record(Kind::temp_dir, "/tmp/agent-abcdef", kRemoved, maker);
    Fate ended = {ledger::State::reaped, ledger::Outcome::ended_by_term};
    builder.process(71, {"server", "--dir=/tmp/agent-abcdef/data", "/tmp/agent-abcdefg"}, ended);
    ledger::Handle python = builder.process(72, {"/usr/bin/python3", "-m", "x"}, {ledger::State::ended, {}});
    for (const char* name : {"/tmp/job-settings", "/tmp/job-settling"}) {
        ledger::Handle made = builder.path_record(Kind::temp_dir, name, kRemoved, python);
        if (std::string_view(name).ends_with("gs")) builder.record(made).flags |= ledger::flag::kOwnerOnly;
    }
    ledger::Handle given =
        builder.process(73, {"mkdir", "-m", "700", "/tmp/log4j2"}, {ledger::State::ended, {}});
    builder.record(builder.path_record(Kind::temp_dir, "/tmp/log4j2", kRemoved, given)).flags |=
        ledger::flag::kOwnerOnly;
    builder.end(kSecond, 0);
    std::string file = scratch / "baseline", saved = scratch / "saved.json";
    write_file(saved, run_tool({builder.path(), "--json"}).out);
    for (const std::string& from : {builder.path(), saved}) {
        std::filesystem::remove(file);
        run_tool({from, "--baseline", file, "--update-baseline"});
        std::string text = file_text(file);
        INFO(text);
        CHECK(contains(text, " temp_dir:/tmp/agent-*;"));
        CHECK(contains(text, " process:server --dir=/tmp/agent-*/data /tmp/agent-abcdefg;"));
        CHECK(contains(text, "1 error temp_dir:/tmp/job-*;"));
        CHECK(contains(text, "1 error temp_dir:/tmp/job-settling;"));
        CHECK(contains(text, " temp_dir:/tmp/log4j*;"));
    }
}

TEST_CASE("what lies in a tree of a random name has the tree's key before its own") {
    ScratchDirectory scratch;
    LedgerBuilder builder(scratch.path(), "4e75");
    ledger::Handle tree = builder.path_record(Kind::temp_dir, "/tmp/agent-abcdef", kRemoved);
    builder.record(tree).flags |= ledger::flag::kByName;
    builder.path_record(Kind::unix_socket, "/tmp/agent-abcdef/socket", kRemoved);
    builder.end(kSecond, 0);
    std::string file = scratch / "baseline";
    run_tool({builder.path(), "--baseline", file, "--update-baseline"});
    CHECK(contains(file_text(file), "1 error unix_socket:/tmp/agent-*/socket;test=\n"));
}

TEST_CASE("each printed rule is one, stands below what it covers, and says nothing that is secret") {
    ScratchDirectory scratch;
    for (const std::string& ledger : {make_daemon(scratch.path()), make_everything(scratch.path()),
                                      make_odd_names(scratch.path()), make_traps(scratch.path())}) {
        Ran ran = run_tool({ledger, "--gen-rules"});
        INFO(ran.out);
        CHECK(ran.status == 0);
        CHECK_FALSE(contains(ran.out, "hunter2"));
        CHECK_FALSE(contains(ran.out, "s3cr3t"));
        CHECK_FALSE(contains(ran.out, "\x1b"));
        auto rules = std::make_unique<rules::Rules>();
        char memory[4096];
        TextBuffer complaints(memory, sizeof memory);
        rules::parse_rules(ran.out, *rules, complaints);
        CHECK(std::string(complaints.str()) == "");
        CHECK(rules->count == rules_in(ran.out).size());
        CHECK(rules->count > 2);
    }
}

TEST_CASE("rules stand for what they were printed for, with what chance decides as globs") {
    ScratchDirectory scratch;
    std::vector<std::string> rules = rules_in(run_tool({make_daemon(scratch.path()), "--gen-rules"}).out);
    CHECK(rules == std::vector<std::string>{
                       "ignore process:sleep *;test=test_tmux.py::test_server",
                       "ignore process:tmux new-session -d;test=test_tmux.py::test_server",
                       "ignore temp_dir:/tmp/leaky-*;test=test_other.py::test_shell",
                       "ignore unix_socket:/tmp/tmux-*/default;test=test_tmux.py::test_server",
                       "ignore thread:poller",
                   });
    rules = rules_in(run_tool({make_many(scratch.path(), 10'000), "--gen-rules"}).out);
    // No rule for all that is in a directory: numbers are rules by their length.
    CHECK(rules ==
          std::vector<std::string>{"ignore temp_dir:/tmp/many/?", "ignore temp_dir:/tmp/many/??",
                                   "ignore temp_dir:/tmp/many/???", "ignore temp_dir:/tmp/many/????",
                                   "ignore unix_socket:/tmp/many/?", "ignore unix_socket:/tmp/many/??",
                                   "ignore unix_socket:/tmp/many/???", "ignore unix_socket:/tmp/many/????"});
    Ran clean = run_tool({make_clean(scratch.path()), "--gen-rules"});
    CHECK(rules_in(clean.out).empty());
    CHECK(contains(clean.out, "Nothing was found"));
}
