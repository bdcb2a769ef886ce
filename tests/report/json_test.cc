// SPDX-License-Identifier: MIT
//
// The report for programs. What each field may be is the schema's business (check_schema.py); here is what
// they say.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "encoding.h"
#include "golden.h"
#include "ledger_builder.h"
#include "tool.h"

using namespace leakshim;
using namespace leakshim::test;
using ledger::Kind;
using ledger::Outcome;
using ledger::State;
using nlohmann::json;

namespace {

json report_of(const std::string& path, const tools::Style& style = {}) {
    return json::parse(json_of(path, style));
}

json record_with(const json& report, const std::string& key, const json& value) {
    for (const json& record : report["records"]) {
        if (record.contains(key) && record[key] == value) return record;
    }
    return nullptr;
}

}  // namespace

TEST_CASE("the session tells who ran, when, how it ended and under which settings") {
    ScratchDirectory scratch;
    json report = report_of(make_everything(scratch.path()));
    const json& session = report["session"];
    CHECK(report["schema"] == "leakshim.report/1");
    CHECK(session["id"] == "a1100000000000000000000000000000");
    CHECK(session["ledger"] == scratch / "a1100000000000000000000000000000.ledger");
    CHECK(session["state"] == "ended");
    CHECK(session["mode"] == "reap");
    CHECK(session["fail"] == true);
    CHECK(session["ci"] == true);
    CHECK(session["started"] == "2025-11-21T08:12:03.000000Z");
    CHECK(session["ended"] == "2025-11-21T08:12:07.210000Z");
    CHECK(session["ended_by"] == "quick_exit");
    CHECK(session["exit_status"] == 24);
    CHECK(session["root"] ==
          json({{"pid", kGoldenRoot}, {"command", {"pytest", "tests"}}, {"cwd", "/home/you/project"}}));
}

TEST_CASE("a record of every kind has the fields of its kind") {
    ScratchDirectory scratch;
    json report = report_of(make_everything(scratch.path()));
    json process = record_with(report, "kind", "process");
    CHECK(process["process"]["pid"] == 40001);
    CHECK(process["process"]["command"] == json({"child", "--verbose"}));
    CHECK(process["process"]["holds"]["files"] == json({"/var/log/child.log"}));
    CHECK(process["process"]["holds"]["sockets"][0]["port"] == 8080);
    CHECK(process["action"] == "ended_by_kill");
    json port = record_with(report, "port", 8080);
    CHECK(port["kind"] == "listening_port");
    CHECK(port["pid"] == 40001);
    CHECK(port["address"] == "127.0.0.1");
    CHECK(port["fd"] == 5);
    CHECK(record_with(report, "port", 5353)["kind"] == "listening_port");
    CHECK(record_with(report, "kind", "thread")["tid"] == 4711);
    CHECK(record_with(report, "kind", "thread")["start_routine"] == "0x55d0c0de");
    CHECK(record_with(report, "kind", "sysv_msg")["ipc_id"] == 32821);
    CHECK(record_with(report, "kind", "sysv_msg")["key"] == 0xffffffff);
    CHECK(record_with(report, "kind", "posix_shm")["name"] == "/of-kind-48");
    for (const char* kind :
         {"file",     "pipe",    "socket",      "eventfd",   "timerfd",         "signalfd",      "epoll",
          "inotify",  "memfd",   "pidfd",       "other_fd",  "temp_dir",        "temp_file",     "fifo",
          "link",     "device",  "unix_socket", "posix_shm", "named_semaphore", "message_queue", "sysv_shm",
          "sysv_sem", "sysv_msg"}) {
        INFO(kind);
        CHECK(record_with(report, "kind", kind).is_object());
    }
}

TEST_CASE("the summary counts what the records say") {
    ScratchDirectory scratch;
    for (const std::string& path :
         {make_everything(scratch.path()), make_daemon(scratch.path()), make_many(scratch.path(), 100),
          make_dead(scratch.path(), "/tmp", "/nowhere")}) {
        json report = report_of(path);
        std::map<std::string, unsigned> count;
        for (const json& record : report["records"]) {
            ++count[record["degree"]];
            ++count[record["state"]];
        }
        const json& summary = report["summary"];
        CHECK(summary["errors"] == count["error"]);
        CHECK(summary["warnings"] == count["warning"]);
        CHECK(summary["notes"] == count["note"]);
        for (const char* state : {"reaped", "kept", "failed", "leaked", "live", "unresolved"}) {
            INFO(state);
            CHECK(summary[state] == count[state]);
        }
    }
}

TEST_CASE("every record is there, however many") {
    ScratchDirectory scratch;
    CHECK(report_of(make_many(scratch.path(), 10'000))["records"].size() == 10'000);
}

TEST_CASE("counters have names and are all there") {
    ScratchDirectory scratch;
    const json counters = report_of(make_everything(scratch.path()))["counters"];
    CHECK(counters["dropped"] == json({{"full", 100}, {"limit", 101}, {"name", 102}, {"fd", 103}}));
    CHECK(counters["blind"] ==
          json({{"static", 105}, {"setid", 106}, {"foreign_class", 107}, {"found_by_scan", 108}}));
    CHECK(counters["degraded"] == json({"no_pidfd", "left_ledger", "unindexed"}));
}

TEST_CASE("names of any bytes give strict UTF-8 and their bytes can be had back") {
    ScratchDirectory scratch;
    std::string path = make_odd_names(scratch.path());
    CHECK(tools::is_utf8(json_of(path)));
    json report = report_of(path);
    json record = record_with(report, "path_uri", "/tmp/%FF%FE%80");
    CHECK(record["path"] == "/tmp/\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    CHECK(record_with(report, "name_uri", "/%FF")["kind"] == "posix_shm");
    CHECK_FALSE(record_with(report, "path", "/tmp/two\nlines").contains("path_uri"));
    json process = record_with(report, "kind", "process")["process"];
    CHECK(process["holds"]["files_uri"] == json({"/tmp/%FE%1B%5B31m/log"}));
}

TEST_CASE("secrets are hidden from programs too, unless asked for") {
    ScratchDirectory scratch;
    std::string path = make_odd_names(scratch.path());
    CHECK_FALSE(contains(json_of(path), "hunter2"));
    CHECK_FALSE(contains(json_of(path), "s3cr3t"));
    tools::Style style;
    style.redact = false;
    CHECK(contains(json_of(path, style), "hunter2"));
}

TEST_CASE("a socket file says in which reported tree it lies") {
    ScratchDirectory scratch;
    json report = report_of(make_daemon(scratch.path()));
    json tree = record_with(report, "path", "/tmp/tmux-0");
    CHECK(record_with(report, "path", "/tmp/tmux-0/default")["inside"] == tree["id"]);
    CHECK_FALSE(tree.contains("inside"));
}

TEST_CASE("a killed run's leaks are what is still there") {
    ScratchDirectory scratch;
    json report = report_of(make_dead(scratch.path(), scratch.path(), scratch / "gone"));
    CHECK(report["session"]["state"] == "dead");
    CHECK(report["session"]["ended"].is_null());
    CHECK(record_with(report, "path", scratch.path())["state"] == "leaked");
    CHECK(record_with(report, "path", scratch.path())["degree"] == "error");
    CHECK(record_with(report, "path", scratch / "gone")["state"] == "gone");
    CHECK(record_with(report, "path", scratch / "gone/half-made")["state"] == "unresolved");
    CHECK(record_with(report, "kind", "temp_file")["outcome"] == "changed_identity");
    CHECK(record_with(report, "kind", "thread").is_null());
    CHECK(record_with(report, "kind", "file").is_null());
}

TEST_CASE("a process that outlives a killed run is a leak, with what it holds now") {
    ScratchDirectory scratch;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(listener, reinterpret_cast<struct sockaddr*>(&address), size) == 0);
    REQUIRE(listen(listener, 1) == 0);
    REQUIRE(getsockname(listener, reinterpret_cast<struct sockaddr*>(&address), &size) == 0);
    u16 port = ntohs(address.sin_port);

    LedgerBuilder builder(scratch.path(), "dead");
    // This very process plays the child that got away.
    ledger::Handle child = builder.process(getpid(), {"survivor"}, {});
    u8 listens = ledger::flag::kBound | ledger::flag::kListening;
    builder.socket(listener, SOCK_STREAM, port, listens, {}, child);
    builder.socket(listener + 1, SOCK_STREAM, static_cast<u16>(port ^ 1), listens, {}, child);
    builder.kill_root();
    json report = report_of(builder.path());
    json process = record_with(report, "kind", "process");
    CHECK(process["state"] == "leaked");
    CHECK(process["process"]["alive"] == true);
    CHECK(contains(process["process"]["holds"]["sockets"].dump(), fmt::format("\"port\":{}", port)));
    CHECK(record_with(report, "port", port)["state"] == "leaked");
    CHECK(record_with(report, "port", port ^ 1).is_null());  // closed long ago
    close(listener);
}

TEST_CASE("a live session reports what is there, and calls nothing of it a leak") {
    ScratchDirectory scratch;
    LedgerBuilder live(scratch.path(), "11fe");
    std::string log = scratch / "log";
    int fd = open(log.c_str(), O_RDWR | O_CREAT, 0600);
    live.path_record(Kind::temp_dir, "/tmp/being-used", {});
    live.descriptor(Kind::file, fd, log, {});
    json report = report_of(live.path());
    CHECK(report["session"]["state"] == "live");
    CHECK(report["summary"]["errors"] == 0);
    CHECK(report["summary"]["live"] == 3);
    CHECK(record_with(report, "path", "/tmp/being-used")["state"] == "live");
    json root = record_with(report, "kind", "process")["process"];
    CHECK(root["pid"] == getpid());
    CHECK(contains(root["holds"]["files"].dump(), log));
    close(fd);
}
