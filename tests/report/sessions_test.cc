// SPDX-License-Identifier: MIT
//
// Which sessions there are, which is the newest, and what state each is in.
#include "sessions.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "golden.h"
#include "ledger_builder.h"
#include "ledger_dirs.h"
#include "tool.h"

using namespace leakshim;
using namespace leakshim::tools;
using namespace leakshim::test;

namespace {

std::string id_of(std::string_view start) {
    std::string id(start);
    id.resize(32, '0');
    return id;
}

void make_ended(const std::string& directory, std::string_view id, u64 after_ns) {
    LedgerBuilder builder(directory, id);
    builder.path_record(ledger::Kind::temp_dir, "/tmp/x",
                        {ledger::State::kept, ledger::Outcome::kept_at_desk});
    builder.end(after_ns, 0);
}

void make_tombstone(const std::string& directory, std::string_view id, u64 ended_ns) {
    write_file(directory + "/" + id_of(id) + ".clean",
               "ended " + std::to_string(ended_ns) + "\ncommand pytest -q\n");
}

constexpr u64 kStart = 1'763'712'723ULL * kSecond;  // when the ledgers of LedgerBuilder start

SessionState state_of(const std::string& path, bool& judged) {
    auto file = LedgerFile::open(path);
    REQUIRE(file.ok());
    return judge_session(**file, judged);
}

}  // namespace

TEST_CASE("the newest session is the one that ended last, not the one that started last") {
    ScratchDirectory scratch;
    make_ended(scratch.path(), "aaa", 9 * kSecond);
    make_ended(scratch.path(), "bbb", 5 * kSecond);
    auto newest = newest_session(list_sessions({scratch.path()}), false);
    REQUIRE(newest.ok());
    CHECK(newest->id == id_of("aaa"));
}

TEST_CASE("a tombstone tells the arguments apart, and an older one is still read") {
    ScratchDirectory scratch;
    write_file(scratch / (id_of("aaa") + ".clean"),
               "ended 1\nargument sh\nargument \nargument a  b\\nc\\\\n \nargument \xff\n");
    auto session = find_session(list_sessions({scratch.path()}), "aaa");
    REQUIRE(session.ok());
    CHECK(session->command == std::vector<std::string>{"sh", "", "a  b\nc\\n ", "\xff"});
    make_tombstone(scratch.path(), "bbb", 1);
    CHECK(find_session(list_sessions({scratch.path()}), "bbb")->command ==
          std::vector<std::string>{"pytest", "-q"});
}

TEST_CASE("a name is as good as an id: of several sessions the one that runs, else the newest") {
    ScratchDirectory scratch;
    auto make = [&](std::string_view id, u64 ended_after) {
        LedgerBuilder builder(scratch.path(), id);
        builder.call_session("a1b-services");
        if (ended_after != 0) builder.end(ended_after, 0);
    };
    make("aaa", kSecond);
    make("bbb", 2 * kSecond);
    make_ended(scratch.path(), "a1b", kSecond);
    auto found = [&](std::string_view id) { return find_session(list_sessions({scratch.path()}), id)->id; };
    CHECK(found("a1b-services") == id_of("bbb"));
    make("ccc", 0);
    CHECK(found("a1b-services") == id_of("ccc"));
    CHECK(found("a1b") == id_of("a1b"));
    write_file(scratch / (id_of("ddd") + ".clean"), "ended 1\nname tidy\ncommand true\n");
    CHECK(found("tidy") == id_of("ddd"));
    CHECK_FALSE(find_session(list_sessions({scratch.path()}), "a1b-service").ok());
}

TEST_CASE("a live session is the newest only when asked for, or when none has ended") {
    ScratchDirectory scratch;
    LedgerBuilder live(scratch.path(), "11fe");
    CHECK(newest_session(list_sessions({scratch.path()}), false)->id == id_of("11fe"));
    make_ended(scratch.path(), "aaa", kSecond);
    CHECK(newest_session(list_sessions({scratch.path()}), false)->id == id_of("aaa"));
    CHECK(newest_session(list_sessions({scratch.path()}), true)->id == id_of("11fe"));
}

TEST_CASE("an older run is never the newest after a clean one, which leaves a tombstone") {
    ScratchDirectory scratch;
    make_ended(scratch.path(), "aaa", kSecond);
    make_tombstone(scratch.path(), "bbb", kStart + 2 * kSecond);
    auto newest = newest_session(list_sessions({scratch.path()}), false);
    REQUIRE(newest.ok());
    CHECK(newest->id == id_of("bbb"));
    CHECK(newest->tombstone);
    CHECK(newest->command == std::vector<std::string>{"pytest", "-q"});
}

TEST_CASE("there is no newest session where there is none, and no live one where all have ended") {
    ScratchDirectory scratch;
    CHECK_FALSE(newest_session(list_sessions({scratch.path()}), false).ok());
    make_ended(scratch.path(), "aaa", kSecond);
    CHECK_FALSE(newest_session(list_sessions({scratch.path()}), true).ok());
}

TEST_CASE("a session is found by its id and by the beginning of it when that is unique") {
    ScratchDirectory scratch;
    make_ended(scratch.path(), "abc1", kSecond);
    make_ended(scratch.path(), "abc2", kSecond);
    std::vector<SessionEntry> sessions = list_sessions({scratch.path()});
    CHECK(find_session(sessions, id_of("abc1"))->id == id_of("abc1"));
    CHECK(find_session(sessions, "abc2")->id == id_of("abc2"));
    CHECK_FALSE(find_session(sessions, "abc").ok());
    CHECK_FALSE(find_session(sessions, "abd").ok());
}

TEST_CASE("files that are no sessions are passed over") {
    ScratchDirectory scratch;
    for (const char* name :
         {"notes", "short.ledger", "ABCDEF00000000000000000000000000.ledger",
          "zz000000000000000000000000000000.clean", "00000000000000000000000000000000.txt"}) {
        write_file(scratch / name, "x");
    }
    CHECK(list_sessions({scratch.path()}).empty());
}

TEST_CASE(
    "a session lives while its root does, is dead when the root died first, and ended when it said so") {
    ScratchDirectory scratch;
    bool judged = false;
    LedgerBuilder live(scratch.path(), "11fe");
    CHECK(state_of(live.path(), judged) == SessionState::live);
    CHECK(judged);
    live.kill_root();
    CHECK(state_of(live.path(), judged) == SessionState::dead);
    CHECK(state_of(make_clean(scratch.path()), judged) == SessionState::ended);
}

TEST_CASE("a session of another boot is dead though its pid is in use") {
    ScratchDirectory scratch;
    bool judged = false;
    LedgerBuilder live(scratch.path(), "11fe");
    live.header().boot_id[0] ^= 1;
    CHECK(state_of(live.path(), judged) == SessionState::dead);
}

TEST_CASE("a session of another PID namespace counts as live, and it is said that this was not seen") {
    ScratchDirectory scratch;
    bool judged = true;
    LedgerBuilder live(scratch.path(), "11fe");
    live.header().pid_namespace += 1;
    live.kill_root();
    CHECK(state_of(live.path(), judged) == SessionState::live);
    CHECK_FALSE(judged);
}

TEST_CASE("an unreadable ledger is listed with what is wrong, and hides nothing that is older") {
    ScratchDirectory scratch;
    make_ended(scratch.path(), "aaa", kSecond);
    write_file(scratch / (id_of("bad") + ".ledger"), "not a ledger at all");
    std::vector<SessionEntry> sessions = list_sessions({scratch.path()});
    REQUIRE(sessions.size() == 2);
    CHECK(sessions[0].id == id_of("bad"));
    CHECK_FALSE(sessions[0].problem.empty());
}

TEST_CASE("only a directory that is ours and that nobody else can write to is looked at") {
    ScratchDirectory scratch;
    std::string open_to_all = scratch / "open", link = scratch / "link", good = scratch / "good",
                file = scratch / "file";
    std::filesystem::create_directory(open_to_all);
    chmod(open_to_all.c_str(), 0777);
    std::filesystem::create_directory(good);
    chmod(good.c_str(), 0700);
    std::filesystem::create_symlink(good, link);
    write_file(file, "");
    CHECK(find_ledger_directories(good + "//").value() == std::vector<std::string>{good});
    CHECK_FALSE(find_ledger_directories(open_to_all).ok());
    CHECK_FALSE(find_ledger_directories(link).ok());
    CHECK_FALSE(find_ledger_directories(file).ok());
    CHECK(find_ledger_directories(scratch / "missing").value().empty());
}

TEST_CASE("a directory of another user is not looked at") {
    if (geteuid() == 0) {
        ScratchDirectory scratch;
        REQUIRE(chown(scratch.path().c_str(), 65534, 65534) == 0);
        CHECK_FALSE(find_ledger_directories(scratch.path()).ok());
    } else {
        CHECK_FALSE(find_ledger_directories("/usr").ok());
    }
}

TEST_CASE("the default directory is found beside those with a random suffix") {
    std::string name = "/dev/shm/leakshim-" + std::to_string(geteuid()) + ".";
    std::string suffix =
        std::to_string(10'000'000 + getpid() % 10'000'000);  // eight digits, as hexadecimal as any
    std::string ours = name + suffix, others = ours + "-not-ours", link = name + "9" + suffix.substr(1);
    for (const std::string& path : {ours, others}) {
        REQUIRE(mkdir(path.c_str(), 0700) == 0);
    }
    REQUIRE(symlink(ours.c_str(), link.c_str()) == 0);
    std::vector<std::string> found = find_ledger_directories("").value();
    unlink(link.c_str());
    rmdir(ours.c_str());
    rmdir(others.c_str());
    CHECK(std::count(found.begin(), found.end(), ours) == 1);
    CHECK(std::count(found.begin(), found.end(), others) == 0);
    CHECK(std::count(found.begin(), found.end(), link) == 0);
}
