// SPDX-License-Identifier: MIT
//
// The ladder, against processes that hear, shrug, hop, breed and restart.
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>
#include <utility>

#include "ladder.h"
#include "stage.h"

namespace leakshim::test {

using ledger::Kind;
using ledger::State;
using ledger::Stream;

TEST_CASE("a process with default signals ends on SIGTERM", "[processes]") {
    Stage stage;
    Actor actor({"stay"});
    ledger::Handle handle = stage.record(actor);
    reap::Result result = stage.reap();
    CHECK_FALSE(actor.alive());
    CHECK(stage.fate(handle) == "reaped/ended_by_term");
    CHECK(result.errors == 1);
    CHECK(result.reaped == 1);
}

TEST_CASE("a process is asked with the signal that it has a handler for, SIGINT first", "[processes]") {
    Stage stage;
    Actor on_int({"hears-int"}), on_term({"hears-term"});
    ledger::Handle first = stage.record(on_int), second = stage.record(on_term);
    stage.reap();
    CHECK_FALSE(on_int.alive());
    CHECK_FALSE(on_term.alive());
    CHECK(stage.fate(first) == "reaped/ended_by_polite");
    CHECK(stage.entry(first).c == SIGINT);
    CHECK(stage.fate(second) == "reaped/ended_by_polite");
    CHECK(stage.entry(second).c == SIGTERM);
}

TEST_CASE("the polite signal is skipped where it is ignored or blocked", "[processes]") {
    auto bit = [](int signal) { return u64{1} << (signal - 1); };
    ProcessSignals signals;
    CHECK(reap::polite_signal(signals) == 0);
    signals.caught = bit(SIGINT) | bit(SIGTERM);
    CHECK(reap::polite_signal(signals) == SIGINT);
    signals.blocked = bit(SIGINT);
    CHECK(reap::polite_signal(signals) == SIGTERM);
    signals.ignored = bit(SIGTERM);
    CHECK(reap::polite_signal(signals) == 0);
}

TEST_CASE("a process deaf to polite signals is killed", "[processes]") {
    Stage stage;
    Actor deaf({"deaf"}), shrugs({"shrugs"});
    ledger::Handle first = stage.record(deaf), second = stage.record(shrugs);
    stage.reap();
    CHECK_FALSE(deaf.alive());
    CHECK_FALSE(shrugs.alive());
    CHECK(stage.fate(first) == "reaped/ended_by_kill");
    CHECK(stage.fate(second) == "reaped/ended_by_kill");
}

TEST_CASE("a stopped process gets its polite signal too", "[processes]") {
    Stage stage;
    Actor actor({"hears-int"});
    kill(actor.pid(), SIGSTOP);
    ledger::Handle handle = stage.record(actor);
    stage.reap();
    CHECK_FALSE(actor.alive());
    CHECK(stage.fate(handle) == "reaped/ended_by_polite");
}

TEST_CASE("a process whose main thread has ended but that runs on is alive, and is ended", "[processes]") {
    Stage stage;
    Actor actor({"headless"});
    while (true) {
        ProcessStat stat;
        REQUIRE(read_process_stat(actor.pid(), stat));
        if (stat.state == 'Z') break;
        usleep(1000);
    }
    CHECK(actor.alive());
    ledger::Handle handle = stage.record(actor);
    stage.reap();
    CHECK_FALSE(actor.alive());
    CHECK(stage.fate(handle) == "reaped/ended_by_term");
}

TEST_CASE("a process that ends by itself while it is waited for is no leak", "[processes]") {
    Stage stage;
    stage.options.linger = 30 * kSecond;
    pid_t pid = start_child([] {
        usleep(50000);
        return 0;
    });
    ledger::Handle handle = stage.record(pid);
    reap::Result result = stage.reap();
    CHECK(result.errors == 0);
    CHECK(stage.fate(handle) == "gone");
    wait_for(pid);
}

namespace {

/// Of a machine on which nobody gets to run: what a process has waited for a processor grows with the clock.
class CrowdedKernel : public reap::Kernel {
  public:
    bool crowded = true;

    long read_process(int pid, const char* name, char* to, size_t size) override {
        if (Str(name) != "schedstat") return Kernel::read_process(pid, name, to, size);
        u64 queued = crowded ? boottime() - start_ : 7;
        return snprintf(to, size, "1000 %llu 3\n", static_cast<unsigned long long>(queued));
    }

  private:
    u64 start_ = boottime();
};

}  // namespace

TEST_CASE("the time in which a process stands in line for a processor is no time to end in", "[processes]") {
    CrowdedKernel kernel;
    Stage stage;
    stage.kernel = &kernel;
    stage.options.linger = 500 * kMillisecond;
    pid_t pid = start_child([] {
        usleep(900'000);
        return 0;
    });
    ledger::Handle handle = stage.record(pid);
    SECTION("so it is waited for") {
        stage.reap();
        CHECK(stage.fate(handle) == "gone");
    }
    SECTION("and not where it might have run") {
        kernel.crowded = false;
        stage.reap();
        CHECK(stage.fate(handle) != "gone");
    }
    wait_for(pid);
}

TEST_CASE("who never ends is not waited for longer than ten times the linger", "[processes]") {
    CrowdedKernel kernel;
    Stage stage;
    stage.kernel = &kernel;
    stage.options.linger = 50 * kMillisecond;
    Actor actor({"stay"});
    ledger::Handle handle = stage.record(actor);
    u64 start = kernel.boottime();
    stage.reap();
    CHECK(kernel.boottime() - start >= 500 * kMillisecond);
    CHECK_FALSE(actor.alive());
    CHECK(stage.fate(handle) == "reaped/ended_by_term");
}

TEST_CASE("a zombie that nobody has waited for is dead", "[processes]") {
    Stage stage;
    Actor actor({"stay"});
    ledger::Handle handle = stage.record(actor);
    kill(actor.pid(), SIGKILL);
    siginfo_t info;
    waitid(P_PID, static_cast<id_t>(actor.pid()), &info, WEXITED | WNOWAIT);
    CHECK(stage.reap().errors == 0);
    CHECK(stage.fate(handle) == "gone");
}

TEST_CASE("a child that waits for the end of its input ends with the root and is no leak", "[processes]") {
    Stage stage;
    stage.options.linger = 30 * kSecond;
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    Actor actor({"until-eof"}, {}, ends[0]);
    ledger::Handle handle = stage.record(actor);

    SECTION("since the root's end of its pipe is closed") {
        stage.options.reap = GENERATE(true, false);
        ledger::Handle end = stage.record_fd(Kind::pipe, ends[1], ledger::flag::kWriteEnd);
        reap::Result result = stage.reap();
        CHECK(stage.fate(handle) == "gone");
        CHECK(stage.fate(end) == "leaked/open_at_exit");
        CHECK(result.errors == 0);
        CHECK(result.warnings == 1);
        // The number stays taken, by a descriptor that nothing can be written to.
        CHECK(write(ends[1], "x", 1) == -1);
        CHECK(errno == EBADF);
        CHECK(fcntl(ends[1], F_GETFD) != -1);
    }
    SECTION("who comes when the root is gone, where its end of the pipe can't be closed") {
        stage.options.linger = 0;
        reap::Result result = stage.reap();
        CHECK(stage.fate(handle) == "live/none");
        CHECK(result.errors == 0);
        CHECK(result.readers == 1);
        CHECK(fcntl(ends[1], F_GETFL) == O_WRONLY);
        CHECK(kill(actor.pid(), 0) == 0);
    }
    close(ends[0]);
    close(ends[1]);
}

TEST_CASE("a child that writes to a pipe of the root's is ended like any other", "[processes]") {
    Stage stage;
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    Actor actor({"stay"}, {}, ends[1]);
    ledger::Handle handle = stage.record(actor);
    CHECK(stage.reap().readers == 0);
    CHECK(stage.fate(handle) == "reaped/ended_by_term");
    close(ends[0]);
    close(ends[1]);
}

TEST_CASE("only sockets and writing ends of pipes are closed for the root", "[processes]") {
    Stage stage;
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    int file = open("/dev/null", O_RDWR | O_CLOEXEC), stream = dup(ends[1]);
    stage.record_fd(Kind::pipe, ends[0]);
    stage.record_fd(Kind::pipe, stream, ledger::flag::kWriteEnd | ledger::flag::kStdio);
    stage.record_fd(Kind::file, file);
    // Recorded as a socket, but something else by now: closed behind our back.
    ledger::Handle other = stage.record_fd(Kind::socket, ends[1]);
    stage.reap();
    CHECK(fcntl(ends[0], F_GETFL) == O_RDONLY);
    CHECK(fcntl(ends[1], F_GETFL) == O_WRONLY);
    CHECK(fcntl(stream, F_GETFL) == O_WRONLY);
    CHECK((fcntl(file, F_GETFL) & O_ACCMODE) == O_RDWR);
    CHECK(stage.fate(other) == "gone");
    CHECK(stage.ledger.counter(ledger::Counter::closed_behind) == 1);
    for (int fd : {ends[0], ends[1], file, stream})
        close(fd);
}

TEST_CASE("in report mode nobody is signalled", "[processes]") {
    Stage stage;
    stage.options.reap = false;
    Actor actor({"port"});
    ledger::Handle handle = stage.record(actor);
    reap::Result result = stage.reap();
    CHECK(actor.alive());
    CHECK(stage.fate(handle) == "leaked/kept_by_mode");
    CHECK(result.errors == 2);  // with its port
    CHECK(result.reaped == 0);
}

TEST_CASE("what a supervisor restarts is gone in the end", "[processes]") {
    Stage stage;
    Actor actor({"supervise"});
    stage.record(actor);
    stage.reap();
    CHECK(actor.all_gone());
}

TEST_CASE("a process that goes on under a new pid every few milliseconds is caught", "[processes]") {
    Stage stage;
    // As the hook of exec counts a static program: why there is anything to look for in /proc.
    stage.ledger->count(ledger::Counter::blind_static);
    Actor actor({"orphan", "hop"}, {stage.variable()});
    stage.reap();
    CHECK(actor.all_gone());
}

TEST_CASE("more processes than there are descriptors are all ended", "[processes]") {
    // With few descriptors, none to be had beyond; in a child, since the limit stays.
    int status = in_child([] {
        struct rlimit few = {64, 64};
        if (setrlimit(RLIMIT_NOFILE, &few) != 0) return 2;
        Stage stage;
        Actor actor({"breed", "1100"});
        stage.record(actor);
        stage.reap();
        return actor.all_gone() ? 0 : 1;
    });
    CHECK(succeeded(status));
}

TEST_CASE("another Ctrl-C goes straight to SIGKILL", "[processes]") {
    Stage stage;
    stage.options.polite = stage.options.term = 1000 * kSecond;
    stage.interrupted = [] { return true; };
    Actor actor({"hears-int"});
    ledger::Handle handle = stage.record(actor);
    stage.reap();
    CHECK(stage.fate(handle) == "reaped/ended_by_kill");
}

namespace {

/// Time goes by a second with each look at the clock.
struct HastyKernel : reap::Kernel {
    u64 offset = 0;
    u64 boottime() override { return sys::boottime() + (offset += kSecond); }
    int poll(struct pollfd* fds, size_t count, u64) override { return sys::poll(fds, count, kMillisecond); }
};

}  // namespace

TEST_CASE("after a second it is said what is waited for", "[processes]") {
    Stage stage;
    HastyKernel hasty;
    stage.kernel = &hasty;
    stage.options.polite = stage.options.term = 60 * kSecond;
    stage.options.deadline = 1000 * kSecond;
    Actor actor({"shrugs"});
    stage.record(actor);
    stage.reap();
    REQUIRE_FALSE(stage.progress.empty());
    std::string pid = std::to_string(actor.pid());
    CHECK(stage.progress[0] == "leakshim: waiting for " + pid + " (actor) to end; Ctrl-C kills at once\n");
    CHECK(actor.all_gone());
}

TEST_CASE("the ladder is climbed to its end even when the deadline is over", "[processes]") {
    Stage stage;
    stage.options.polite = stage.options.term = 1000 * kSecond;
    stage.options.deadline = 0;
    Actor actor({"shrugs"});
    ledger::Handle handle = stage.record(actor);
    stage.reap();
    CHECK(stage.fate(handle) == "reaped/ended_by_kill");
}

TEST_CASE("what a leaked process held is in the ledger after its death", "[processes]") {
    Stage stage;
    Scratch scratch;
    write_file(scratch / "log", "x");
    Actor port({"port"}), open({"open", scratch / "log"});
    ledger::Handle holder = stage.record(port), reader = stage.record(open);
    reap::Result result = stage.reap();
    std::vector<OwnedEntry> sockets = stage.entries(Kind::socket), files = stage.entries(Kind::file);
    REQUIRE(sockets.size() == 1);
    CHECK(sockets[0].owner == holder);
    CHECK(sockets[0].state == State::reaped);
    CHECK((sockets[0].a >> 32) != 0);
    CHECK((sockets[0].flags & ledger::flag::kListening) != 0);
    CHECK(sockets[0].b == htonl(INADDR_LOOPBACK));
    bool found = false;
    for (const OwnedEntry& file : files)
        found = found || (file.owner == reader && file.text == scratch / "log");
    CHECK(found);
    CHECK(result.errors == 3);  // two processes and a port
    CHECK(result.reaped == 3);
}

TEST_CASE("who holds the stdout or stderr of the run is marked, by whatever number it does", "[processes]") {
    struct Row {
        const char* what;
        std::function<int(const std::string&)> open;
        Stream kind;
    };
    static int other_end[2] = {-1, -1};
    const Row rows[] = {
        {"pipe",
         [](const std::string&) {
             return pipe2(other_end, O_CLOEXEC) == 0 ? std::exchange(other_end[1], -1) : -1;
         },
         Stream::pipe},
        {"socket",
         [](const std::string&) {
             bool made = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, other_end) == 0;
             return made ? std::exchange(other_end[1], -1) : -1;
         },
         Stream::socket},
        {"file",
         [](const std::string& file) { return open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); },
         Stream::file},
        {"nobody's device", [](const std::string&) { return open("/dev/null", O_RDWR | O_CLOEXEC); },
         Stream::none},
        {"terminal",
         [](const std::string&) {
             int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
             if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) return -1;
             other_end[0] = master;
             return open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
         },
         Stream::terminal},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        Stage stage;
        Scratch scratch;
        int stream = row.open(scratch / "log");
        REQUIRE(stream >= 0);
        stage.header().stdout_at_load = file_id(stream, "");
        REQUIRE(stage.header().stdout_at_load.known());
        Actor holder({"stay"}, {}, stream), innocent({"stay"});
        ledger::Handle held = stage.record(holder), not_held = stage.record(innocent);
        stage.reap();
        CHECK(ledger::stream_of(stage.entry(held).c, 1) == row.kind);
        CHECK(ledger::stream_of(stage.entry(held).c, 2) == Stream::none);
        CHECK(ledger::stream_of(stage.entry(not_held).c, 1) == Stream::none);
        close(stream);
        close(std::exchange(other_end[0], -1));
    }
}

TEST_CASE("a run whose output is closed or one pipe for both is told as it is", "[processes]") {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    for (bool closed : {false, true}) {
        Stage stage;
        if (!closed) stage.header().stdout_at_load = stage.header().stderr_at_load = file_id(ends[1], "");
        // A handler for the polite signal, which shares its word with the marks.
        Actor holder({"hears-int"}, {}, ends[1]);
        ledger::Handle held = stage.record(holder);
        stage.reap();
        u64 word = stage.entry(held).c;
        CHECK(stage.fate(held) == "reaped/ended_by_polite");
        CHECK(static_cast<u8>(word) == SIGINT);
        for (int fd : {1, 2})
            CHECK(ledger::stream_of(word, fd) == (closed ? Stream::none : Stream::pipe));
    }
    close(ends[0]);
    close(ends[1]);
}

TEST_CASE("a clean session is not looked for in /proc", "[processes]") {
    struct Watching : reap::Kernel {
        int looks = 0;
        int open(int dirfd, const char* path, int flags) override {
            ++looks;
            return reap::Kernel::open(dirfd, path, flags);
        }
    } watching;
    Stage stage;
    stage.kernel = &watching;
    reap::Result result = stage.reap();
    CHECK(result.errors + result.warnings + result.notes == 0);
    CHECK(watching.looks == 0);
}

}  // namespace leakshim::test
