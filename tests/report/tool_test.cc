// SPDX-License-Identifier: MIT
//
// leakshim-report as a user runs it: what it prints where, and its exit status.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "encoding.h"
#include "golden.h"
#include "ledger_builder.h"
#include "tool.h"

using namespace leakshim;
using namespace leakshim::test;
using nlohmann::json;

namespace {

/// One sentence on standard error, and nothing where a program would read.
void check_complaint(const Ran& ran, int status, std::string_view about) {
    INFO(ran.err);
    CHECK(ran.status == status);
    CHECK(ran.out.empty());
    CHECK(ran.err.starts_with("leakshim-report: "));
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
    CHECK(contains(ran.err, about));
}

}  // namespace

TEST_CASE("status 0 for a clean run and 1 for leaks, in both formats") {
    ScratchDirectory clean, leaky;
    make_clean(clean.path());
    make_daemon(leaky.path());
    for (const char* format : {"--format=text", "--json"}) {
        CHECK(run_tool_in(clean.path(), {format}).status == 0);
        CHECK(run_tool_in(leaky.path(), {format}).status == 1);
    }
}

TEST_CASE("warnings and kept trees alone are no leaks") {
    ScratchDirectory scratch;
    LedgerBuilder builder(scratch.path(), "2a12");
    builder.thread(7, "worker", {ledger::State::leaked, ledger::Outcome::open_at_exit});
    builder.path_record(ledger::Kind::temp_dir, "/tmp/kept",
                        {ledger::State::kept, ledger::Outcome::kept_at_desk});
    builder.end(kSecond, 0);
    CHECK(run_tool_in(scratch.path(), {}).status == 0);
}

TEST_CASE("a live session has no leaks yet") {
    ScratchDirectory scratch;
    LedgerBuilder live(scratch.path(), "11fe");
    live.path_record(ledger::Kind::temp_dir, "/tmp/being-used", {});
    Ran ran = run_tool_in(scratch.path(), {"--live"});
    CHECK(ran.status == 0);
    CHECK(contains(ran.out, "/tmp/being-used"));
}

TEST_CASE("what is wrong with the command line is one sentence and status 2") {
    ScratchDirectory scratch;
    make_clean(scratch.path());
    check_complaint(run_tool_in(scratch.path(), {"--lost"}), 2, "--lost");
    check_complaint(run_tool_in(scratch.path(), {"--list", "--live"}), 2, "only one of");
    check_complaint(run_tool_in(scratch.path(), {"--session"}), 2, "--session");
    check_complaint(run_tool_in(scratch.path(), {"--color=blue"}), 2, "blue");
    check_complaint(run_tool_in(scratch.path(), {"--format=xml"}), 2, "no such format");
    check_complaint(run_tool_in(scratch.path(), {"--live", "one.ledger"}), 2, "only one of");
    check_complaint(run_tool_in(scratch.path(), {"--\x1b[31m"}), 2, "\\x1b");
    // As it comes from a variable that is not set; it is not as if the option were not there.
    for (const char* option :
         {"--session", "--path", "--baseline", "--output", "--format", "--color", "--since", "--port"})
        check_complaint(run_tool_in(scratch.path(), {option, ""}), 2, option);
}

TEST_CASE("a session that is not there is one sentence and status 2") {
    ScratchDirectory empty, ended;
    make_clean(ended.path());
    check_complaint(run_tool_in(empty.path(), {}), 2, "there is no session yet");
    check_complaint(run_tool_in(empty.path(), {"--json"}), 2, "there is no session yet");
    check_complaint(run_tool_in(ended.path(), {"--live"}), 2, "no session is running");
    check_complaint(run_tool_in(ended.path(), {"--session=ffff"}), 2, "there is no session ffff");
    check_complaint(run_tool_in(empty / "missing", {}), 2, "there is no session yet");
}

TEST_CASE("a ledger directory that others can write to is one sentence and status 2") {
    ScratchDirectory scratch;
    make_clean(scratch.path());
    REQUIRE(chmod(scratch.path().c_str(), 0777) == 0);
    check_complaint(run_tool_in(scratch.path(), {}), 2, "others can write to it");
}

TEST_CASE("an unreadable ledger is one sentence and status 3") {
    ScratchDirectory scratch;
    std::string whole = content_of(make_clean(scratch.path()));
    write_file(scratch / "short", whole.substr(0, 1000));
    write_file(scratch / "empty", "");
    write_file(scratch / "text", std::string(50'000, 'x'));
    whole[offsetof(ledger::Header, layout_version)] = 77;
    write_file(scratch / "foreign", whole);
    check_complaint(run_tool({scratch / "short"}), 3, "damaged");
    check_complaint(run_tool({scratch / "empty"}), 3, "no leakshim ledger");
    check_complaint(run_tool({scratch / "text"}), 3, "no leakshim ledger");
    check_complaint(run_tool({scratch / "foreign", "--json"}), 3, "layout version 77");
    check_complaint(run_tool({scratch / "missing"}), 3, "No such file");
    check_complaint(run_tool({scratch.path()}), 3, "no regular file");
}

TEST_CASE("the newest ledger being unreadable is said instead of showing an older one") {
    ScratchDirectory scratch;
    make_daemon(scratch.path());
    write_file(scratch / "ffffffffffffffffffffffffffffffff.ledger", "garbage");
    check_complaint(run_tool_in(scratch.path(), {}), 3, "no leakshim ledger");
    CHECK(run_tool_in(scratch.path(), {"--session=dae"}).status == 1);
}

TEST_CASE("JSON is one value and nothing else on standard output") {
    ScratchDirectory scratch;
    make_odd_names(scratch.path());
    Ran ran = run_tool_in(scratch.path(), {"--json"});
    CHECK(ran.err.empty());
    CHECK(json::parse(ran.out)["schema"] == "leakshim.report/1");
}

TEST_CASE("after a clean run the tombstone is shown, in one line and in JSON") {
    ScratchDirectory scratch;
    make_daemon(scratch.path());
    write_file(scratch / "ffffffffffffffffffffffffffffffff.clean",
               "ended 1900000000000000000\ncommand make check\n");
    Ran text = run_tool_in(scratch.path(), {});
    CHECK(text.status == 0);
    CHECK(std::count(text.out.begin(), text.out.end(), '\n') == 1);
    CHECK(contains(text.out, "left nothing behind"));
    CHECK(contains(text.out, "make check"));
    Ran machine = run_tool_in(scratch.path(), {"--json"});
    CHECK(machine.status == 0);
    json report = json::parse(machine.out);
    CHECK(report["session"]["state"] == "ended");
    CHECK(report["session"]["ended"] == "2030-03-17T17:46:40.000000Z");
    CHECK(report["records"].empty());
}

TEST_CASE("the list has a line for each session, newest first, unreadable ones too") {
    ScratchDirectory scratch;
    make_daemon(scratch.path());
    LedgerBuilder live(scratch.path(), "11fe", {"still", "--password=hunter2"});
    write_file(scratch / "ffffffffffffffffffffffffffffffff.ledger", "garbage");
    write_file(scratch / "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee.clean",
               "ended 1600000000000000000\ncommand make check\n");
    Ran ran = run_tool_in(scratch.path(), {"--list"});
    CHECK(ran.status == 0);
    INFO(ran.out);
    CHECK(std::count(ran.out.begin(), ran.out.end(), '\n') == 4);
    CHECK(ran.out.find("11fe") < ran.out.find("ffff"));
    CHECK(ran.out.find("ffff") < ran.out.find("dae0"));
    CHECK(ran.out.find("dae0") < ran.out.find("eeee"));
    CHECK(contains(ran.out, "5 leaks"));
    CHECK(contains(ran.out, "unreadable"));
    CHECK_FALSE(contains(ran.out, "hunter2"));
    json list = json::parse(run_tool_in(scratch.path(), {"--list", "--json"}).out);
    REQUIRE(list["sessions"].size() == 4);
    CHECK(list["sessions"][0]["state"] == "live");
    CHECK(list["sessions"][1]["state"].is_null());
    CHECK(list["sessions"][2]["errors"] == 5);
}

TEST_CASE("what has no form in a format is said, with the forms that there are") {
    ScratchDirectory scratch;
    check_complaint(run_tool_in(scratch.path(), {"--watch", "--json"}), 2, "text and jsonl");
    check_complaint(run_tool_in(scratch.path(), {"--watch", "--format=tap"}), 2, "text and jsonl");
    check_complaint(run_tool_in(scratch.path(), {"--list", "--format=tap"}), 2, "text, json, jsonl");
}

TEST_CASE("an empty list is no mistake") {
    ScratchDirectory scratch;
    CHECK(run_tool_in(scratch.path(), {"--list"}).status == 0);
    CHECK(json::parse(run_tool_in(scratch.path(), {"--list", "--json"}).out)["sessions"].empty());
}

TEST_CASE("a ledger can be named by its path, wherever it lies") {
    ScratchDirectory here, elsewhere;
    make_clean(here.path());
    std::string path = make_daemon(elsewhere.path());
    CHECK(run_tool_in(here.path(), {path}).status == 1);
}

TEST_CASE("colour comes with --color and FORCE_COLOR, and goes with NO_COLOR and into a pipe") {
    ScratchDirectory scratch;
    make_daemon(scratch.path());
    auto coloured = [&](std::vector<std::string> arguments, std::map<std::string, std::string> environment) {
        environment["LEAKSHIM_DIR"] = scratch.path();
        return contains(run_tool(arguments, environment).out, "\033[");
    };
    CHECK_FALSE(coloured({}, {}));
    CHECK(coloured({"--color=always"}, {}));
    CHECK(coloured({}, {{"FORCE_COLOR", "1"}}));
    CHECK_FALSE(coloured({}, {{"FORCE_COLOR", "1"}, {"NO_COLOR", "1"}}));
    CHECK_FALSE(coloured({"--color=never"}, {{"FORCE_COLOR", "1"}}));
}

TEST_CASE("the help fits a screen and the version names the ledger layout") {
    Ran help = run_tool({"--help"});
    CHECK(help.status == 0);
    CHECK(std::count(help.out.begin(), help.out.end(), '\n') <= 24);
    for (const std::string& line : tools::split_bytes(help.out, '\n'))
        CHECK(line.size() <= 80);
    Ran version = run_tool({"--version"});
    CHECK(version.status == 0);
    CHECK(contains(version.out, fmt::format("ledger layout version {}", ledger::kLayoutVersion)));
}

TEST_CASE("a report goes into a file whole, or leaves the file as it was") {
    ScratchDirectory sessions, target;
    make_daemon(sessions.path());
    std::string file = target / "report.json";
    write_file(file, "older");
    Ran ran = run_tool_in(sessions.path(), {"--json", "--output", file});
    CHECK(ran.status == 1);
    CHECK(ran.out.empty());
    CHECK(json::parse(file_text(file))["schema"] == "leakshim.report/1");
    write_file(file, "older");
    check_complaint(run_tool_in(sessions.path(), {"--session=ffff", "--output", file}), 2, "no session");
    CHECK(file_text(file) == "older");
    check_complaint(run_tool_in(sessions.path(), {"--output", target / "missing/x"}), 2, "No such file");
    CHECK(std::distance(std::filesystem::directory_iterator(target.path()), {}) == 1);
}

TEST_CASE("what is no regular file is written to, and never replaced") {
    ScratchDirectory sessions, target;
    make_clean(sessions.path());
    CHECK(run_tool_in(sessions.path(), {"--output=/dev/null"}).status == 0);
    struct stat st {};
    REQUIRE(stat("/dev/null", &st) == 0);
    CHECK(S_ISCHR(st.st_mode));
    check_complaint(run_tool_in(sessions.path(), {"--output=/dev/full"}), 2, "No space left");
    write_file(target / "real", "");
    std::filesystem::create_symlink(target / "real", target / "link");
    CHECK(run_tool_in(sessions.path(), {"--output", target / "link"}).status == 0);
    CHECK(std::filesystem::is_symlink(target / "link"));
    CHECK(contains(file_text(target / "real"), "SUMMARY: leakshim: "));
}

TEST_CASE("a report that can't be written out is not passed off as a clean one") {
    ScratchDirectory scratch;
    make_clean(scratch.path());
    std::string command = fmt::format("LEAKSHIM_DIR={} '{}' >/dev/full 2>{}/err", scratch.path(),
                                      getenv("LEAKSHIM_REPORT"), scratch.path());
    int status = system(command.c_str());
    CHECK(WEXITSTATUS(status) == 2);
}
