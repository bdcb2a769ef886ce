// SPDX-License-Identifier: MIT
#include "golden.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include "ledger_builder.h"
#include "sys.h"

namespace leakshim::test {

namespace {

using ledger::Counter;
using ledger::Handle;
using ledger::Kind;
using ledger::Outcome;
using ledger::State;

constexpr Fate kRemoved = {State::reaped, Outcome::removed};
constexpr Fate kKept = {State::kept, Outcome::kept_at_desk};
constexpr Fate kOpenAtExit = {State::leaked, Outcome::open_at_exit};
constexpr u8 kListens = ledger::flag::kBound | ledger::flag::kListening;
constexpr u64 kRan = 4210 * kMillisecond;

}  // namespace

std::string make_clean(const std::string& directory) {
    LedgerBuilder builder(directory, "c1ea");
    builder.call_root(kGoldenRoot);
    builder.end(kRan, 0);
    return builder.path();
}

std::string make_daemon(const std::string& directory) {
    LedgerBuilder builder(directory, "dae");
    builder.call_root(kGoldenRoot);
    builder.in_test("test_tmux.py::test_server (call)");
    Handle server =
        builder.process(40001, {"tmux", "new-session", "-d"}, {State::reaped, Outcome::ended_by_term});
    builder.process(40002, {"sleep", "600"}, {State::reaped, Outcome::exited_alone}, server);
    builder.socket(6, SOCK_STREAM, 43211, kListens, {State::reaped, Outcome::gone_with_holder}, server);
    builder.path_record(Kind::temp_dir, "/tmp/tmux-0", kKept, server);
    builder.path_record(Kind::unix_socket, "/tmp/tmux-0/default", kRemoved, server);
    builder.in_test("test_other.py::test_shell");
    Handle shell = builder.process(40003, {"mktemp", "-d"}, {State::ended, Outcome::none});
    builder.path_record(Kind::temp_dir, "/tmp/leaky-1", {State::failed, Outcome::brake_mount}, shell);
    builder.in_test("");
    builder.thread(4711, "poller", kOpenAtExit);
    builder.count(Counter::blind_static, 2);
    builder.end(kRan, 0);
    return builder.path();
}

std::string make_output(const std::string& directory) {
    using ledger::Stream;
    LedgerBuilder builder(directory, "007");
    builder.call_root(kGoldenRoot);
    Fate ended = {State::reaped, Outcome::ended_by_term};
    builder.in_test("test_ci.py::test_server (call)");
    Handle server = builder.process(40001, {"server", "--detach"}, ended);
    builder.holds_output(server, 1, Stream::pipe);
    builder.holds_output(server, 2, Stream::pipe);
    builder.socket(6, SOCK_STREAM, 43211, kListens, {State::reaped, Outcome::gone_with_holder}, server);
    Handle logger = builder.process(40002, {"logger"}, ended);
    builder.holds_output(logger, 1, Stream::file);
    builder.holds_output(logger, 2, Stream::socket);
    builder.in_test("test_desk.py::test_shell");
    for (int pid : {40003, 40004}) {
        Handle shell = builder.process(pid, {"sleep", "600"}, ended);
        builder.holds_output(shell, 2, Stream::terminal);
    }
    builder.process(40005, {"sleep", "601"}, ended);
    builder.count(Counter::freed_inodes, 1'234).count(Counter::freed_bytes, 5'678'080);
    builder.end(kRan, 0);
    return builder.path();
}

std::string make_everything(const std::string& directory) {
    LedgerBuilder builder(directory, "a11");
    builder.call_root(kGoldenRoot);
    builder.in_test("test_all.py::test_kinds[a-b] (setup)");
    Handle child = builder.process(40001, {"child", "--verbose"}, {State::reaped, Outcome::ended_by_kill});
    builder.socket(5, SOCK_STREAM, 8080, kListens, {State::reaped, Outcome::gone_with_holder}, child);
    builder.descriptor(Kind::file, 6, "/var/log/child.log", {}, child);
    builder.socket(7, SOCK_DGRAM, 5353, ledger::flag::kBound, {State::leaked, Outcome::port_at_exit});
    for (Kind kind : {Kind::file, Kind::pipe, Kind::socket, Kind::eventfd, Kind::timerfd, Kind::signalfd,
                      Kind::epoll, Kind::inotify, Kind::memfd, Kind::pidfd, Kind::other_fd}) {
        builder.descriptor(kind, 20 + static_cast<int>(kind), kind == Kind::file ? "/etc/passwd" : "",
                           kOpenAtExit);
    }
    builder.thread(4711, "", kOpenAtExit);
    for (Kind kind :
         {Kind::temp_dir, Kind::temp_file, Kind::fifo, Kind::link, Kind::device, Kind::unix_socket}) {
        builder.path_record(kind, fmt::format("/tmp/of-kind-{}", static_cast<int>(kind)), kRemoved);
    }
    for (Kind kind : {Kind::posix_shm, Kind::named_semaphore, Kind::message_queue}) {
        builder.path_record(kind, fmt::format("/of-kind-{}", static_cast<int>(kind)), kRemoved);
    }
    for (Kind kind : {Kind::sysv_shm, Kind::sysv_sem, Kind::sysv_msg}) {
        builder.sysv(kind, 32768 + static_cast<int>(kind), 0xffffffff, kRemoved);
    }
    builder.in_test("");
    int number = 0;
    for (Fate fate : {kKept, Fate{State::kept, Outcome::kept_by_rule}, Fate{State::leaked, Outcome::none},
                      Fate{State::failed, Outcome::no_permission},
                      Fate{State::gone, Outcome::changed_identity}, Fate{State::intent, Outcome::none}}) {
        builder.path_record(Kind::temp_dir, fmt::format("/tmp/in-state-{}", ++number), fate);
    }
    for (u32 counter = 0; counter < ledger::kCounters; ++counter)
        builder.count(static_cast<Counter>(counter), 100 + counter);
    builder.rules("/home/you/leak.rules");
    builder.rule(
        {"ignore temp_dir:/tmp/cache-*;max=2", "shared, see #12", 2, 1, 0, 2, ledger::rule_flag::kFull});
    builder.rule({"keep temp_dir:/tmp/in-state-*", "", 1, 0, 0, 3, 0});
    builder.rule({"process:old*;until=2026-01-31", "", 0, 4, 20260131, 7, ledger::rule_flag::kExpired});
    builder.rule({"process:\x1b[31m\xff", "\xfe", 0, 0, 0, 8, 0});
    builder.rule({"process:sccache*", "compiler cache", 1, 0, 0, 0, ledger::rule_flag::kBuiltin});
    builder.header().flags |=
        ledger::session_flag::kFail | ledger::session_flag::kCi | ledger::session_flag::kNoPidfd;
    builder.end(kRan, 24, ledger::EndedBy::quick_exit);
    return builder.path();
}

std::string make_odd_names(const std::string& directory) {
    LedgerBuilder builder(directory, "0dd", {"run", "\xff\xfe", "--password", "hunter2"});
    builder.call_root(kGoldenRoot);
    builder.in_test("test\x1b[2J \xc0\xaf (call)");
    Handle child = builder.process(40001, {"\x1b]0;title\x07", "--token=s3cr3t", "line\nfeed", "\x80"},
                                   {State::reaped, Outcome::ended_by_term});
    builder.descriptor(Kind::file, 5, "/tmp/\xfe\x1b[31m/log", {}, child);
    builder.path_record(Kind::temp_dir, "/tmp/\x1b[31mred\x9b", kRemoved);
    builder.path_record(Kind::temp_dir, "/tmp/two\nlines", kKept);
    builder.path_record(Kind::temp_file, "/tmp/\xff\xfe\x80", kKept);
    builder.path_record(Kind::temp_dir,
                        "/tmp/caf\xc3\xa9 \xe2\x80\xae"
                        "fdp",
                        kRemoved);
    builder.path_record(Kind::posix_shm, "/\xff", kRemoved);
    builder.thread(1, "\x1b[1m\xff", kOpenAtExit);
    builder.end(kRan, 1);
    return builder.path();
}

std::string make_traps(const std::string& directory) {
    LedgerBuilder builder(directory, "7a95", {"run", "::error::100%", "]]></testcase>", "```"});
    builder.call_root(kGoldenRoot);
    builder.in_test("tests/unit/test_a.py::TestX::test_b[c::d/e, # SKIP] (call)");
    builder.path_record(Kind::temp_dir, "/tmp/%0A::error::x,y:z \"<b>&amp;]]>", kRemoved);
    builder.path_record(Kind::temp_dir, "/tmp/`code` **bold** [link](http://x) | <script>", kRemoved);
    builder.path_record(Kind::temp_file, "/tmp/~~~ ## ``` @all #1", {State::failed, Outcome::no_permission});
    builder.in_test("Suite/Typed.Test/0");
    builder.path_record(Kind::unix_socket, "/tmp/tmpab12cd3_/1616/s", kRemoved);
    builder.path_record(Kind::unix_socket, "/tmp/tmpzz98yy7_/2727/s", kRemoved);
    builder.in_test("42 # TODO \\");
    builder.process(40001, {"-c", "::stop-commands::x\\\\\"", "- \\u0041"},
                    {State::reaped, Outcome::ended_by_kill});
    builder.in_test("- # SKIP");
    builder.path_record(Kind::posix_shm, "/\xef\xbf\xbe\xef\xbf\xbf\x7f", kRemoved);
    builder.in_test("\xef\xbf\xbf.py::\x7f");
    builder.thread(7, "##[error]x", kOpenAtExit);
    builder.end(kRan, 0);
    return builder.path();
}

std::string make_many(const std::string& directory, int count) {
    LedgerBuilder builder(directory, "3a27");
    builder.call_root(kGoldenRoot);
    for (int i = 0; i < count; ++i) {
        if (i % 4 == 0) builder.in_test(fmt::format("test_many.py::test_{}", i / 4));
        builder.path_record(i % 2 == 0 ? Kind::temp_dir : Kind::unix_socket, fmt::format("/tmp/many/{}", i),
                            kRemoved);
    }
    builder.end(kRan, 0);
    return builder.path();
}

std::string make_cycles(const std::string& directory) {
    LedgerBuilder builder(directory, "c7c1e");
    builder.call_root(kGoldenRoot);
    Fate reaped = {State::reaped, Outcome::ended_by_term};
    Handle first = builder.process(40001, {"first"}, reaped);
    Handle second = builder.process(40002, {"second"}, reaped, first);
    Handle third = builder.process(40003, {"third"}, reaped, 0xfffffffe);
    ledger::tail_of<ledger::ProcessTail>(builder.record(first))->parent = second;
    Handle file = builder.path_record(Kind::temp_file, "/tmp/of-nobody", kRemoved);
    builder.record(file).owner = file;
    builder.record(file).scope = third;
    builder.path_record(Kind::temp_dir, "/", kRemoved);
    builder.path_record(Kind::temp_dir, "", kRemoved);
    builder.end(kRan, 0);
    return builder.path();
}

std::string make_dead(const std::string& directory, const std::string& there, const std::string& gone) {
    LedgerBuilder builder(directory, "dead");
    FileId id = file_id(AT_FDCWD, there.c_str());
    builder.in_test("test_killed.py::test_it");
    builder.path_record(Kind::temp_dir, there, {}, 0, id);
    builder.path_record(Kind::temp_dir, gone, {}, 0, id);
    FileId other = id;
    other.ino += 1;
    builder.path_record(Kind::temp_file, there, {}, 0, other);
    builder.path_record(Kind::temp_file, gone + "/half-made", {State::intent, Outcome::none});
    builder.descriptor(Kind::file, 3, "/etc/passwd", {});
    builder.thread(99, "worker", {});
    builder.kill_root();
    return builder.path();
}

}  // namespace leakshim::test
