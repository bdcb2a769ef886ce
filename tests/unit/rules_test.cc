// SPDX-License-Identifier: MIT
//
// Keep rules and suppressions: the lines, what they match, the built-in ones, and what is said of bad ones.
#include "rules.h"

#include <sys/socket.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>

using namespace leakshim;
using namespace leakshim::rules;
using Catch::Matchers::Contains;
using ledger::Kind;

namespace {

/// Rules from a text, with what was complained about.
struct Parsed {
    explicit Parsed(std::string text) : file(std::move(text)) {
        char memory[16384];
        TextBuffer buffer(memory, sizeof memory);
        parse_rules(file, *rules, buffer);
        complaints = buffer.str();
    }
    size_t lines() const {
        return static_cast<size_t>(std::count(complaints.begin(), complaints.end(), '\n'));
    }

    std::string file;
    std::unique_ptr<Rules> rules = std::make_unique<Rules>();
    std::string complaints;
};

Subject process(Str command, Str test = {}) {
    Subject subject;
    subject.kind = Kind::process, subject.command = command, subject.test = test;
    return subject;
}
Subject path(Kind kind, Str name, Str maker = {}, Str test = {}) {
    Subject subject;
    subject.kind = kind, subject.name = name, subject.command = maker, subject.test = test;
    return subject;
}

bool hits(const std::string& line, const Subject& subject) {
    Parsed parsed(line);
    CHECK(parsed.complaints == "");
    return match(*parsed.rules, subject) != nullptr;
}

/// A command line as the ledger has it: every argument ended by a NUL.
std::string command(std::initializer_list<const char*> arguments) {
    std::string text;
    for (const char* argument : arguments)
        text += std::string(argument) + '\0';
    return text;
}

struct Builtin : Rules {
    explicit Builtin(Str home) {
        add_builtin_rules(home, storage, *this);
        CHECK_FALSE(storage.truncated());
    }
    Text<2048> storage;
};

std::unique_ptr<Builtin> builtin(Str home) {
    return std::make_unique<Builtin>(home);
}

}  // namespace

TEST_CASE("a_line_has_a_verb_a_kind_a_glob_conditions_and_a_reason") {
    Parsed parsed(
        "keep temp_dir:/tmp/cache-*;test=*[slow]*;cmd=make*;max=3;until=2026-12-31  # shared, see #12\n");
    REQUIRE(parsed.rules->count == 1);
    const Rule& rule = parsed.rules->rule[0];
    CHECK(parsed.complaints.empty());
    CHECK(rule.verb == Verb::keep);
    CHECK(rule.kind == Kind::temp_dir);
    CHECK(rule.glob == "/tmp/cache-*");
    CHECK(rule.test == "*[slow]*");
    CHECK(rule.command == "make*");
    CHECK(rule.max == 3);
    CHECK(rule.until == 20261231);
    CHECK(rule.reason == "shared, see #12");
    CHECK(rule.text == "keep temp_dir:/tmp/cache-*;test=*[slow]*;cmd=make*;max=3;until=2026-12-31");
    CHECK(rule.line == 1);
}

TEST_CASE("a_line_without_a_verb_keeps") {
    Parsed parsed("process:redis-server*\nignore *:*\n\treap   process:*gradle*\r\n");
    REQUIRE(parsed.rules->count == 3);
    CHECK(parsed.complaints.empty());
    CHECK(parsed.rules->rule[0].verb == Verb::keep);
    CHECK(parsed.rules->rule[1].verb == Verb::ignore);
    CHECK(parsed.rules->rule[1].kind == Kind::none);
    CHECK(parsed.rules->rule[2].verb == Verb::reap);
    CHECK(parsed.rules->rule[2].glob == "*gradle*");
    CHECK(parsed.rules->rule[2].line == 3);
}

TEST_CASE("blank_lines_and_comments_are_no_rules") {
    Parsed parsed("\n   \n# a comment\n  # another: with a colon\n\n");
    CHECK(parsed.rules->count == 0);
    CHECK(parsed.complaints.empty());
    CHECK(Parsed("").rules->count == 0);
}

TEST_CASE("a_hash_within_a_glob_is_no_comment") {
    Parsed parsed("temp_file:/tmp/#sql*#;test=a#b");
    REQUIRE(parsed.rules->count == 1);
    CHECK(parsed.rules->rule[0].glob == "/tmp/#sql*#");
    CHECK(parsed.rules->rule[0].test == "a#b");
    CHECK(parsed.rules->rule[0].reason.empty());
}

TEST_CASE("a_process_is_matched_by_its_command_line_or_by_its_program") {
    std::string redis = command({"/usr/bin/redis-server", "--port", "1616"});
    CHECK(hits("process:redis-server", process(redis)));
    CHECK(hits("process:*redis-server --port 1616", process(redis)));
    CHECK(hits("process:/usr/bin/*", process(redis)));
    CHECK(hits("*:redis*", process(redis)));
    CHECK_FALSE(hits("process:redis", process(redis)));
    CHECK_FALSE(hits("process:--port", process(redis)));
    CHECK_FALSE(hits("temp_dir:redis-server", process(redis)));
    // A title that a daemon gave itself: one string.
    CHECK(hits("process:tmux: server*", process(command({"tmux: server (/tmp/tmux-0/default)"}))));
    CHECK_FALSE(hits("process:*", path(Kind::temp_dir, "/tmp/x")));
    CHECK(hits("process:*", process("")));
}

TEST_CASE("paths_and_ipc_objects_are_matched_by_name") {
    CHECK(hits("unix_socket:/tmp/*/default", path(Kind::unix_socket, "/tmp/tmux-0/default")));
    CHECK_FALSE(hits("unix_socket:/tmp/*/default", path(Kind::temp_file, "/tmp/tmux-0/default")));
    CHECK(hits("posix_shm:/pg*", path(Kind::posix_shm, "/pg.42")));
    CHECK(hits("*:/tmp/x", path(Kind::fifo, "/tmp/x")));
    CHECK_FALSE(hits("temp_dir:/tmp", path(Kind::temp_dir, "/tmp/x")));
}

TEST_CASE("a_port_is_matched_by_its_address") {
    Subject port = path(Kind::socket, "tcp:1616"), no_port = path(Kind::socket, "");
    port.listening = true;
    CHECK(hits("listening_port:tcp:1616", port));
    CHECK(hits("listening_port:tcp:*", port));
    CHECK(hits("socket:tcp:16??", port));
    CHECK_FALSE(hits("listening_port:udp:*", port));
    CHECK_FALSE(hits("listening_port:*", no_port));
    CHECK(hits("socket:*", no_port));
}

TEST_CASE("conditions_narrow_a_rule") {
    std::string make = command({"make", "-j4"});
    Subject subject = path(Kind::temp_dir, "/tmp/x", make, "tests/test_a.py::test_b[1]");
    CHECK(hits("temp_dir:*;test=*::test_b[1]", subject));
    CHECK_FALSE(hits("temp_dir:*;test=*::test_b", subject));
    CHECK(hits("temp_dir:*;cmd=make", subject));
    CHECK(hits("temp_dir:*;cmd=make -j4", subject));
    CHECK_FALSE(hits("temp_dir:*;cmd=make -j8", subject));
    CHECK(hits("temp_dir:*; test=*test_b* ; cmd=make*; ", subject));
    CHECK_FALSE(hits("temp_dir:*;test=?*", path(Kind::temp_dir, "/tmp/x")));
}

TEST_CASE("the_first_rule_that_matches_decides") {
    Parsed parsed("reap temp_dir:/tmp/a*\nkeep temp_dir:/tmp/*\n");
    const Rule* first = match(*parsed.rules, path(Kind::temp_dir, "/tmp/abc"));
    REQUIRE(first != nullptr);
    CHECK(first->verb == Verb::reap);
    const Rule* second = match(*parsed.rules, path(Kind::temp_dir, "/tmp/xyz"));
    REQUIRE(second != nullptr);
    CHECK(second->verb == Verb::keep);
    CHECK(match(*parsed.rules, path(Kind::temp_dir, "/var/x")) == nullptr);
    CHECK(first->hits == 1);
    CHECK(second->hits == 1);
}

TEST_CASE("a_rule_with_a_maximum_stops_there_and_the_next_one_decides") {
    Parsed parsed("ignore temp_dir:*;max=2\nreap temp_dir:*\n");
    for (Verb expected : {Verb::ignore, Verb::ignore, Verb::reap, Verb::reap}) {
        const Rule* rule = match(*parsed.rules, path(Kind::temp_dir, "/tmp/x"));
        REQUIRE(rule != nullptr);
        CHECK(rule->verb == expected);
    }
    CHECK(parsed.rules->rule[0].hits == 2);
}

TEST_CASE("a_rule_is_in_force_through_its_last_day") {
    Parsed parsed("keep temp_dir:*;until=2026-02-28\n");
    struct Row {
        u32 today;
        bool in_force;
    };
    for (const Row& row : {Row{0, true}, Row{20251231, true}, Row{20260228, true}, Row{20260301, false}}) {
        parsed.rules->today = row.today;
        CHECK((match(*parsed.rules, path(Kind::temp_dir, "/x")) != nullptr) == row.in_force);
    }
}

TEST_CASE("days_are_those_of_the_calendar") {
    CHECK(date_of(0) == 19700101);
    CHECK(date_of(951'782'400 * kSecond) == 20000229);
    CHECK(date_of(951'868'800 * kSecond - 1) == 20000229);
    CHECK(date_of(951'868'800 * kSecond) == 20000301);
    CHECK(date_of(1'798'675'199 * kSecond) == 20261230);
    CHECK(date_of(1'798'675'200 * kSecond) == 20261231);
    CHECK(date_of(1'798'761'600 * kSecond) == 20270101);
    CHECK(date_of(4'107'542'400 * kSecond) == 21000301);
}

TEST_CASE("a_bad_line_is_one_sentence_and_the_others_stay_in_force") {
    struct Row {
        const char* line;
        const char* named;
        const char* allowed;
    };
    for (const Row& row :
         {Row{"kepe process:*x*", "\"kepe\"", "keep, ignore or reap"},
          Row{"tempdir:/tmp/*", "\"tempdir\"", "temp_dir"}, Row{"scope:x", "\"scope\"", "listening_port"},
          Row{"process", "\"process\"", "kind:glob"}, Row{"keep", "\"\"", "kind:glob"},
          Row{"process:", "\"process:\"", "kind:glob"}, Row{"process:;max=1", "\"process:\"", "kind:glob"},
          Row{"process:x;max=0", "\"max=0\"", "max=N"}, Row{"process:x;max=many", "\"max=many\"", "max=N"},
          Row{"process:x;until=2026-02-29", "2026-02-29", "YYYY-MM-DD"},
          Row{"process:x;until=31.12.2026", "31.12.2026", "YYYY-MM-DD"},
          Row{"process:x;until=2026-13-01", "2026-13-01", "YYYY-MM-DD"},
          Row{"process:x;unless=y", "\"unless=y\"", "test=GLOB"},
          Row{"process:x;test=", "\"test=\"", "test=GLOB"}}) {
        Parsed parsed(std::string("temp_dir:/tmp/a\n") + row.line + "\ntemp_dir:/tmp/b\n");
        INFO(parsed.complaints);
        CHECK(parsed.rules->count == 3);
        CHECK(parsed.rules->rule[1].bad);
        CHECK_FALSE(parsed.rules->complete);
        CHECK(parsed.lines() == 1);
        CHECK_THAT(parsed.complaints, Contains("line 2") && Contains(row.named) && Contains(row.allowed) &&
                                          Contains("nothing is reaped"));
        CHECK(match(*parsed.rules, path(Kind::temp_dir, "/tmp/b")) != nullptr);
    }
}

TEST_CASE("a_bad_line_that_can_have_kept_nothing_takes_nothing_from_the_others") {
    Parsed parsed("reap proces:x\ntemp_dir:/tmp/b\n");
    CHECK(parsed.rules->complete);
    CHECK_THAT(parsed.complaints, Contains("line 1") && Contains("the line is ignored"));
    CHECK(match(*parsed.rules, path(Kind::temp_dir, "/tmp/b")) == &parsed.rules->rule[1]);
    CHECK(match(*parsed.rules, path(Kind::temp_dir, "x")) == nullptr);
}

TEST_CASE("more_rules_than_there_is_room_for_are_one_sentence") {
    std::string text;
    for (u32 i = 0; i < kMaxRules + 10; ++i)
        text += "temp_dir:/tmp/" + std::to_string(i) + "\n";
    Parsed parsed(text);
    CHECK(parsed.rules->count == kMaxRules);
    CHECK_FALSE(parsed.rules->complete);
    CHECK(parsed.lines() == 1);
    CHECK_THAT(parsed.complaints, Contains("256") && Contains("line 257"));
}

TEST_CASE("complaints_show_no_control_bytes_and_stay_short") {
    Parsed parsed("\x1b[31m" + std::string(10'000, 'x') + "\n");
    CHECK(parsed.complaints.size() < 300);
    CHECK(parsed.complaints.find('\x1b') == std::string::npos);
}

TEST_CASE("daemons_that_are_meant_to_be_shared_are_kept_by_default") {
    auto rules = builtin("/home/you");
    for (const std::string& shared : {
             command({"/usr/bin/sccache"}),
             command({"/usr/lib/jvm/bin/java", "-Xmx512m", "-cp", "gradle-daemon-main-8.5.jar",
                      "org.gradle.launcher.daemon.bootstrap.GradleDaemon", "8.5"}),
             command({"bazel(checkout)", "--add-opens=java.base/java.lang=ALL-UNNAMED", "-Xverify:none"}),
             command({"adb", "-L", "tcp:5037", "fork-server", "server", "--reply-fd", "4"}),
             command({"/usr/bin/watchman", "--foreground", "--logfile=/tmp/log"}),
             command({"/usr/bin/python3", "/usr/bin/dmypy", "start"}),
             command({"python3", "-m", "mypy.dmypy", "run"}),
             command({"gpg-agent", "--homedir", "/home/you/.gnupg", "--use-standard-socket", "--daemon"}),
         }) {
        const Rule* rule = match(*rules, process(shared));
        INFO(shared);
        REQUIRE(rule != nullptr);
        CHECK(rule->verb == Verb::keep);
        CHECK(rule->builtin);
        CHECK_FALSE(rule->reason.empty());
    }
}

TEST_CASE("daemons_of_a_test_are_not_kept_by_default") {
    auto rules = builtin("/home/you/");
    for (const std::string& ours : {
             command({"gpg-agent", "--homedir", "/tmp/gnupg-test", "--use-standard-socket", "--daemon"}),
             command({"gpg-agent", "--homedir", "/home/other/.gnupg", "--use-standard-socket", "--daemon"}),
             command({"redis-server", "*:1616"}),
             command({"tmux", "new-session", "-d"}),
             command({"python3", "-m", "pytest", "tests/test_dmypy.py"}),
             command({"java", "-jar", "gradle-wrapper.jar", "build"}),
             command({"bash", "-c", "echo bazel(x)"}),
         }) {
        INFO(ours);
        CHECK(match(*rules, process(ours)) == nullptr);
    }
    CHECK(match(*rules, path(Kind::temp_dir, "/tmp/sccache")) == nullptr);
}

TEST_CASE("without_a_home_no_agent_is_kept") {
    auto rules = builtin("");
    CHECK(match(*rules, process(command({"gpg-agent", "--homedir", "/.gnupg", "--daemon"}))) == nullptr);
    CHECK(match(*rules, process(command({"gpg-agent", "--homedir", "/tmp/.gnupg", "--daemon"}))) == nullptr);
}

TEST_CASE("a_home_with_odd_bytes_breaks_no_rule") {
    auto rules = builtin("/home/a;b #*");
    CHECK(rules->count == builtin("/home/you")->count);
    CHECK(match(*rules, process(command({"gpg-agent", "--homedir", "/home/a;b #*/.gnupg", "--daemon"}))) !=
          nullptr);
    CHECK(match(*rules, process(command({"gpg-agent", "--homedir", "/home/abc/.gnupg", "--daemon"}))) ==
          nullptr);
}

TEST_CASE("a_rule_of_the_user_overrides_a_built_in_one") {
    Parsed parsed("reap process:*gradle*\n");
    char memory[2048];
    TextBuffer storage(memory, sizeof memory);
    add_builtin_rules("/home/you", storage, *parsed.rules);
    const Rule* rule = match(*parsed.rules, process(command({"java", "org.gradle.launcher.daemon.X"})));
    REQUIRE(rule != nullptr);
    CHECK(rule->verb == Verb::reap);
    CHECK_FALSE(rule->builtin);
}

TEST_CASE("used_unused_and_outdated_rules_are_printed_each_in_a_line") {
    Parsed parsed(
        "process:a  # why\nprocess:b\nprocess:c;until=2020-01-01\nprocess:d;max=1\n"
        "process:e;until=2020-11-09\n");
    parsed.rules->today = 20260101;
    for (int i = 0; i < 3; ++i)
        match(*parsed.rules, process(command({"a"})));
    for (const char* name : {"d", "d", "d", "e", "e"})
        match(*parsed.rules, process(command({name})));
    Text<1024> out;
    for (u32 i = 0; i < parsed.rules->count; ++i)
        print_rule(tally_of(*parsed.rules, parsed.rules->rule[i], "my.rules"), out);
    CHECK(
        out.str() ==
        "rule my.rules:1 \"process:a\": 3 hits (why)\n"
        "rule my.rules:2 \"process:b\": no hit; remove it if what it was for is gone\n"
        "rule my.rules:3 expired on 2020-01-01: \"process:c;until=2020-01-01\": no hit; give it a new date "
        "or remove it\n"
        "rule my.rules:4 \"process:d;max=1\": one hit, its maximum, 2 more beyond it\n"
        "rule my.rules:5 expired on 2020-11-09: \"process:e;until=2020-11-09\": no hit, it would have had 2; "
        "give it a new date or remove it\n");
    out.clear();
    auto rules = builtin("/home/you");
    print_rule(tally_of(*rules, rules->rule[0], "my.rules"), out);
    CHECK_THAT(std::string(out.str()), Contains("built-in rule \"process:sccache*\": no hit"));
}

TEST_CASE("what_an_expired_rule_would_have_matched_is_for_the_rules_below") {
    Parsed parsed("keep temp_dir:/x;until=2020-01-01\nignore temp_dir:/x\n");
    parsed.rules->today = 20200102;
    const Rule* rule = match(*parsed.rules, path(Kind::temp_dir, "/x"));
    REQUIRE(rule != nullptr);
    CHECK(rule->verb == Verb::ignore);
    CHECK(parsed.rules->rule[0].hits == 0);
    CHECK(parsed.rules->rule[0].missed == 1);
}

TEST_CASE("a_thing_that_is_asked_about_again_is_one_hit_of_a_maximum") {
    Parsed parsed("keep temp_dir:*;max=2\n");
    Subject first = path(Kind::temp_dir, "/a"), second = path(Kind::temp_dir, "/b");
    Subject third = path(Kind::temp_dir, "/c");
    first.id = u64{7} << 32 | 1, second.id = u64{7} << 32 | 2, third.id = u64{8} << 32 | 1;
    for (int i = 0; i < 5; ++i) {
        CHECK(match(*parsed.rules, first) != nullptr);
        CHECK(match(*parsed.rules, second) != nullptr);
        CHECK(match(*parsed.rules, third) == nullptr);
    }
    CHECK(parsed.rules->rule[0].hits == 2);
    clear(*parsed.rules);
    CHECK(parsed.rules->count == 0);
    CHECK(match(*parsed.rules, first) == nullptr);
}

TEST_CASE("more_things_than_are_known_again_still_count_up_to_the_maximum") {
    Parsed parsed("keep temp_dir:*;max=5000\n");
    u64 kept = 0;
    for (u64 i = 1; i <= 6000; ++i) {
        Subject thing = path(Kind::temp_dir, "/a");
        thing.id = i << 32 | 1;
        kept += match(*parsed.rules, thing) != nullptr;
    }
    CHECK(kept == 5000);
}

TEST_CASE("no_rule_matches_what_is_gone") {
    Parsed parsed("keep temp_dir:/a;max=1\nkeep temp_dir:*\n");
    Subject gone = path(Kind::temp_dir, "/a"), there = path(Kind::temp_dir, "/a");
    gone.presence.is_there = [](void*) { return false; };
    there.presence.is_there = [](void*) { return true; };
    CHECK(match(*parsed.rules, gone) == nullptr);
    CHECK(parsed.rules->rule[0].hits == 0);
    CHECK(match(*parsed.rules, there) == &parsed.rules->rule[0]);
}

TEST_CASE("rules_concern_the_kinds_that_they_name") {
    Parsed parsed("temp_dir:*\nlistening_port:tcp:1\n");
    CHECK(concern(*parsed.rules, Kind::temp_dir));
    CHECK(concern(*parsed.rules, Kind::socket));
    CHECK_FALSE(concern(*parsed.rules, Kind::process));
    CHECK(concern(*Parsed("*:x\n").rules, Kind::process));
}

TEST_CASE("sockets_are_named_by_protocol_and_port") {
    auto name = [](u64 domain, u64 type, u64 port) {
        Text<32> text;
        port_name(domain | type << 16 | port << 32, text);
        return std::string(text.str());
    };
    CHECK(name(AF_INET, SOCK_STREAM, 1616) == "tcp:1616");
    CHECK(name(AF_INET6, SOCK_DGRAM, 53) == "udp:53");
    CHECK(name(AF_INET, SOCK_RAW, 1) == "port:1");
    CHECK(name(AF_INET, SOCK_STREAM, 0) == "");
    CHECK(name(AF_UNIX, SOCK_STREAM, 7) == "");
}
