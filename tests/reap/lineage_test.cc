// SPDX-License-Identifier: MIT
//
// Whose a process is. Each bystander stands next to a check that spares it; where a kernel that lies takes
// the check away, the bystander is hurt, so that no check is there for nothing.
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <map>

#include "stage.h"

namespace leakshim::test {

using ledger::Counter;
using ledger::Kind;
namespace flag = ledger::flag;

namespace {

/// Every pidfd has the inode that the ledger wants to see.
struct InodeBlindKernel : reap::Kernel {
    u64 wanted = 0;
    u64 pidfd_inode(int) override { return wanted; }
};

/// Every process started when the ledger wants it to have started.
struct StartBlindKernel : reap::Kernel {
    u64 start = 0;
    bool read_stat(int pid, ProcessStat& stat) override {
        bool known = reap::Kernel::read_stat(pid, stat);
        if (start != 0) stat.start = start;
        return known;
    }
};

/// One from before pidfs as well.
struct OldStartBlindKernel : StartBlindKernel {
    u64 pidfd_inode(int) override { return 0; }
};

struct NoPidfdKernel : reap::Kernel {
    int pidfd_open(int) override { return -ENOSYS; }
};

/// Records a process that has the number of `actor` but is another one.
ledger::Handle record_as_another(Stage& stage, const Actor& actor, u64 inode) {
    ledger::NewProcess process;
    process.pid = actor.pid();
    process.pidfd_inode = inode;
    return ledger::add_process(stage.ledger.author(), process);
}

void age(Stage& stage, ledger::Handle handle, u64 by) {
    stage.ledger->at(handle)->born -= by;
}

/// Before the session, so that it is no child of its root.
struct OldActor {
    Actor actor;
    explicit OldActor(const Actor::Words& words, const Actor::Words& environment = {})
        : actor(words, environment) {
        usleep(30000);
    }
    const Actor* operator->() const { return &actor; }
};

}  // namespace

TEST_CASE("a process that got the number of a dead one of ours is left alone", "[lineage]") {
    OldActor bystander({"stay"});
    Stage stage;
    ledger::Handle handle = record_as_another(stage, bystander.actor, pidfd_inode_of(bystander->pid()) + 1);
    CHECK(stage.reap().errors == 0);
    CHECK(bystander->alive());
    CHECK(stage.fate(handle) == "gone");
}

TEST_CASE("without the inode of the pidfd a reused number would be hit", "[lineage]") {
    Stage stage;
    Actor victim({"stay"});
    InodeBlindKernel blind;
    blind.wanted = pidfd_inode_of(victim.pid()) + 1;
    record_as_another(stage, victim, blind.wanted);
    stage.kernel = &blind;
    stage.reap();
    CHECK_FALSE(victim.alive());
}

namespace {

/// A process that was recorded without its pidfd's inode, as a fork is, and seems to be as old as its record.
ledger::Handle record_as_old(Stage& stage, Actor& actor, StartBlindKernel& kernel) {
    ledger::Handle handle = record_as_another(stage, actor, 0);
    age(stage, handle, 5 * kMillisecond);
    kernel.start = stage.header().created_boottime = stage.ledger->at(handle)->born;
    stage.kernel = &kernel;
    return handle;
}

}  // namespace

TEST_CASE("where pidfds have no inode a process younger than its record is left alone", "[lineage]") {
    OldActor bystander({"stay"});
    Stage stage;
    ledger::Handle handle = record_as_another(stage, bystander.actor, 0);
    age(stage, handle, kSecond);
    CHECK(stage.reap().errors == 0);
    CHECK(bystander->alive());

    SECTION("and without the start time it would be hit") {
        Actor victim({"stay"});
        OldStartBlindKernel blind;
        record_as_old(stage, victim, blind);
        stage.reap();
        CHECK_FALSE(victim.alive());
    }
}

TEST_CASE("who is as old as a fork's record but has not our ledger in its memory is left alone",
          "[lineage]") {
    OldActor bystander({"stay"});
    Stage stage;
    StartBlindKernel blind;
    ledger::Handle handle = record_as_old(stage, bystander.actor, blind);
    CHECK(stage.reap().errors == 0);
    CHECK(bystander->alive());
    CHECK(stage.fate(handle) == "gone");
}

TEST_CASE("without pidfds nobody is signalled and it is said", "[lineage]") {
    Stage stage;
    NoPidfdKernel none;
    stage.kernel = &none;
    Actor actor({"stay"});
    ledger::Handle handle = stage.record(actor);
    reap::Result result = stage.reap();
    CHECK(actor.alive());
    CHECK(stage.fate(handle) == "failed/no_pidfd");
    CHECK(result.failed == 1);
}

TEST_CASE("a child of the root that never registered is found, counted and ended", "[lineage]") {
    Stage stage;
    Actor actor({"stay"});
    reap::Result result = stage.reap();
    CHECK_FALSE(actor.alive());
    CHECK(result.errors == 1);
    CHECK(stage.ledger.counter(Counter::blind_scan) == 1);
    for (const OwnedEntry& entry : stage.entries(Kind::process)) {
        if (entry.number != actor.pid()) continue;
        CHECK((entry.flags & (flag::kByScan | flag::kBlind)) == (flag::kByScan | flag::kBlind));
        CHECK(entry.text.find("actor") != Str::npos);
        CHECK(entry.parent == stage.ledger.process());
    }
}

TEST_CASE("a child that the shell started before it became the root is left alone", "[lineage]") {
    OldActor bystander({"stay"});
    Stage stage;
    Actor ours({"stay"});
    stage.reap();
    CHECK(bystander->alive());
    CHECK_FALSE(ours.alive());

    SECTION("and without the age of the session it would be hit") {
        Stage again;
        again.header().created_boottime = 0;
        again.reap();
        CHECK_FALSE(bystander->alive());
    }
}

TEST_CASE("grandchildren go with the child that is ours", "[lineage]") {
    Stage stage;
    Actor actor({"breed", "3"});
    stage.record(actor);
    stage.reap();
    CHECK(actor.all_gone());
    CHECK(stage.entries(Kind::process).size() == 5);  // the root, the actor and its three
}

TEST_CASE("an orphan with the session's variable is ours and one without is not", "[lineage]") {
    Stage stage;
    stage.ledger->count(Counter::blind_static);
    Actor ours({"orphan", "stay"}, {stage.variable(), "PYTEST_CURRENT_TEST=t.py::test_a (call)"});
    Actor stranger({"orphan", "stay"});
    Actor of_another_session({"orphan", "stay"}, {stage.variable() + "x"});
    stage.reap();
    CHECK(ours.all_gone());
    CHECK(stranger.speaker_alive());
    CHECK(of_another_session.speaker_alive());
    std::vector<OwnedEntry> scopes = stage.entries(Kind::scope);
    REQUIRE(scopes.size() == 1);
    CHECK(scopes[0].text == "t.py::test_a");
}

TEST_CASE("what has LEAKSHIM_KEEP in its environment is kept with what it started", "[lineage]") {
    Stage stage;
    stage.ledger->count(Counter::blind_static);
    Actor recorded({"parent", "stay"}, {"LEAKSHIM_KEEP=1"});
    Actor found({"orphan", "stay"}, {stage.variable(), "LEAKSHIM_KEEP=1"});
    Actor says_no({"orphan", "stay"}, {stage.variable(), "LEAKSHIM_KEEP=0"});
    stage.record(recorded);
    stage.reap();
    CHECK(recorded.alive());
    CHECK(recorded.holders().size() == 2);
    CHECK(found.speaker_alive());
    CHECK(says_no.all_gone());
}

TEST_CASE("an orphan belongs to the scope that it was started in, if there is such a scope", "[lineage]") {
    Stage stage;
    stage.ledger->count(Counter::blind_static);
    ledger::Handle scope = ledger::intern_scope(stage.ledger.author(), "suite.test");
    Actor told({"orphan", "stay"}, {stage.variable(), "LEAKSHIM_SCOPE=" + std::to_string(scope)});
    Actor forged({"orphan", "stay"},
                 {stage.variable(), "LEAKSHIM_SCOPE=" + std::to_string(stage.header().root)});
    stage.reap();
    CHECK(told.all_gone());
    CHECK(forged.all_gone());
    std::map<pid_t, ledger::Handle> scopes;
    for (const OwnedEntry& process : stage.entries(Kind::process))
        scopes[process.number] = process.process_scope;
    CHECK(scopes.at(told.speaker()) == scope);
    CHECK(scopes.at(forged.speaker()) == 0);
}

TEST_CASE("a favour of an innocent server is not ours although it bears the variable", "[lineage]") {
    Stage stage;
    stage.ledger->count(Counter::blind_static);
    Actor server({"orphan", "serve", stage.variable()});
    REQUIRE(server.holders().size() == 2);
    stage.reap();
    CHECK(server.holders().size() == 2);

    SECTION("while a server of ours goes with its favour") {
        for (pid_t pid : server.holders())
            stage.record(pid);
        stage.reap();
        CHECK(server.all_gone());
    }
}

namespace {

/// When the first process is signalled, one that nobody waits for dies by itself, and its number becomes that
/// of a stranger who has a child.
struct ReusingKernel : reap::Kernel {
    const Actor* dying = nullptr;
    pid_t stranger = 0;
    bool reused = false;
    int pidfd_signal(int pidfd, int signal) override {
        if (signal != 0 && !reused) {
            kill(dying->pid(), SIGKILL);
            waitpid(dying->pid(), nullptr, 0);
            reused = true;
        }
        return reap::Kernel::pidfd_signal(pidfd, signal);
    }
    bool read_stat(int pid, ProcessStat& stat) override {
        bool known = reap::Kernel::read_stat(reused && pid == dying->pid() ? stranger : pid, stat);
        if (reused && stat.ppid == stranger) stat.ppid = dying->pid();
        return known;
    }
};

bool is_among(const std::vector<pid_t>& pids, pid_t wanted) {
    for (pid_t pid : pids)
        if (pid == wanted) return true;
    return false;
}

}  // namespace

TEST_CASE("the child of an innocent one that got the number of a dead suspect is left alone", "[lineage]") {
    Stage stage;
    Actor dying({"stay"}), other({"hears-int"});
    usleep(20000);
    Actor server({"orphan", "serve", "LANG=C"});
    REQUIRE(server.holders().size() == 2);
    stage.record(dying);
    stage.record(other);
    ReusingKernel reusing;
    reusing.dying = &dying;
    for (pid_t pid : server.holders()) {
        ProcessStat stat;
        REQUIRE(read_process_stat(pid, stat));
        if (is_among(server.holders(), stat.ppid)) reusing.stranger = stat.ppid;
    }
    REQUIRE(reusing.stranger != 0);
    stage.kernel = &reusing;
    stage.reap();
    REQUIRE(reusing.reused);
    CHECK_FALSE(other.alive());
    CHECK(server.holders().size() == 2);
}

TEST_CASE("what was born after the session's end is not ours", "[lineage]") {
    Stage stage;
    stage.in_root = false;
    stage.again = true;
    stage.ledger->count(Counter::blind_static);
    stage.ended_realtime = sys::clock(CLOCK_REALTIME);
    usleep(30000);
    Actor later({"orphan", "stay"}, {stage.variable()});
    stage.reap();
    CHECK(later.speaker_alive());

    SECTION("while it is when the session ends only now") {
        stage.ended_realtime = 0;
        stage.reap();
        CHECK(later.all_gone());
    }
}

TEST_CASE("a process that is to be kept is kept with what it started", "[lineage]") {
    Stage stage;
    Actor kept({"breed", "2"});
    ledger::Handle handle = stage.record(kept, flag::kKeep);
    reap::Result result = stage.reap();
    CHECK(kept.alive());
    CHECK_FALSE(kept.all_gone(0));
    CHECK(stage.fate(handle) == "kept/kept_by_mark");
    CHECK(result.errors == 0);
    CHECK(result.kept == 1);

    SECTION("and without the mark all of them go") {
        Stage again;
        again.header().created_boottime = stage.header().created_boottime;
        again.record(kept);
        again.reap();
        CHECK(kept.all_gone());
    }
}

TEST_CASE("what was kept with its parent is kept when the parent is gone and it is looked at again",
          "[lineage]") {
    Stage stage;
    Actor parent({"stay"}), child({"stay"}), left({"stay"});
    ledger::Handle kept = stage.record(parent, flag::kKeep);
    ledger::Handle with_it = stage.record(child.pid(), 0, kept);
    stage.reap();
    REQUIRE(stage.fate(with_it) == "kept/kept_by_mark");
    REQUIRE_FALSE(left.alive());
    kill(parent.pid(), SIGKILL);
    REQUIRE(parent.all_gone());

    stage.again = true;
    SECTION("and it is asked for") {
        stage.reap();
    }
    SECTION("and it is cleared away") {
        stage.things_only = true;
        stage.reap();
    }
    CHECK(child.alive());
    CHECK(stage.fate(with_it) == "kept/kept_by_mark");
}

TEST_CASE("a rule keeps a process that matches and no other", "[lineage]") {
    Stage stage;
    Actor kept({"hears-int"}), other({"stay"});
    ledger::Handle handle = stage.record(kept);
    stage.record(other);
    int asked = 0;
    stage.rule = [&](const policy::Subject& subject) {
        bool first = subject.kind == Kind::process && asked++ == 0;
        return first ? policy::Ruling::keep : policy::Ruling::none;
    };
    stage.reap();
    CHECK(kept.alive());
    CHECK_FALSE(other.alive());
    CHECK(stage.fate(handle) == "kept/kept_by_rule");
}

TEST_CASE("a rule keeps a process by the command that it has now, as by the one on record", "[lineage]") {
    Stage stage;
    Actor now({"stay"}), before({"stay"}), other({"hears-int"});
    for (const Actor* actor : {&now, &before, &other})
        ledger::set_command(*stage.ledger->at(stage.record(*actor)), actor == &before ? "was it" : "sh");
    stage.rule = [&](const policy::Subject& subject) {
        bool wanted = subject.command == "was it" || subject.command.find("stay") != Str::npos;
        bool process = subject.kind == Kind::process;
        return process && wanted ? policy::Ruling::keep : policy::Ruling::none;
    };
    stage.reap();
    CHECK(now.alive());
    CHECK(before.alive());
    CHECK_FALSE(other.alive());
}

TEST_CASE("a rule keeps what is found only in /proc too", "[lineage]") {
    Stage stage;
    Actor actor({"stay"});
    stage.rule = [](const policy::Subject& subject) {
        bool actors = subject.command.find("actor") != Str::npos;
        return actors ? policy::Ruling::keep : policy::Ruling::none;
    };
    stage.reap();
    CHECK(actor.alive());
}

TEST_CASE("of two records of one process that of a scan goes", "[lineage]") {
    Stage stage;
    Actor actor({"stay"});
    ledger::Handle own = 0;
    SECTION("when it comes first") {
        stage.record(actor, flag::kByScan);
        own = stage.record(actor);
    }
    SECTION("when it comes last") {
        own = stage.record(actor);
        stage.record(actor, flag::kByScan);
    }
    CHECK(stage.reap().errors == 1);
    CHECK_FALSE(actor.alive());
    CHECK(stage.fate(own) == "reaped/ended_by_term");
    std::vector<ledger::Handle> left;
    for (const OwnedEntry& process : stage.entries(Kind::process))
        if (process.number == actor.pid()) left.push_back(process.handle);
    CHECK(left == std::vector{own});
}

TEST_CASE("a process that may not be signalled is spared and said", "[lineage]") {
    struct Denying : reap::Kernel {
        int pidfd_signal(int, int signal) override { return signal == 0 ? 0 : -EPERM; }
    } denying;
    Stage stage;
    stage.kernel = &denying;
    Actor actor({"stay"});
    ledger::Handle handle = stage.record(actor);
    CHECK(stage.reap().failed == 1);
    CHECK(stage.fate(handle) == "failed/no_permission");
}

TEST_CASE("a process that survives SIGKILL is not called dead", "[lineage]") {
    struct Deaf : reap::Kernel {
        u64 offset = 0;
        u64 boottime() override { return sys::boottime() + (offset += kSecond / 10); }
        int poll(struct pollfd* fds, size_t count, u64) override {
            return sys::poll(fds, count, kMillisecond);
        }
        int pidfd_signal(int pidfd, int signal) override {
            return signal == 0 ? reap::Kernel::pidfd_signal(pidfd, 0) : 0;
        }
    } deaf;
    Stage stage;
    stage.kernel = &deaf;
    Actor actor({"stay"});
    ledger::Handle handle = stage.record(actor);
    stage.reap();
    CHECK(actor.alive());
    CHECK(stage.fate(handle) == "failed/survived_kill");
}

TEST_CASE("the socket file of a program that no hook saw goes with it", "[lineage]") {
    Stage stage;
    Scratch scratch;
    std::string path = scratch / "blind.sock";
    Actor actor({"socket", path});
    REQUIRE(exists(path));
    stage.reap();
    CHECK_FALSE(actor.alive());
    CHECK_FALSE(exists(path));
    std::vector<OwnedEntry> files = stage.entries(Kind::unix_socket);
    REQUIRE(files.size() == 1);
    CHECK(files[0].text == path);
    CHECK(files[0].state == ledger::State::reaped);
}

TEST_CASE("a socket file that was there before the session is nobody's to remove", "[lineage]") {
    // A server that is older hands its socket down: the process is ours, the file is not.
    Scratch scratch;
    std::string path = scratch / "inherited.sock";
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(bind(fd, reinterpret_cast<struct sockaddr*>(&address), sizeof address) == 0);
    usleep(50000);
    Stage stage;
    Actor actor({"stay"}, {}, fd);
    close(fd);
    stage.reap();
    CHECK_FALSE(actor.alive());
    CHECK(exists(path));
}

TEST_CASE("a tool does not end the process of the session that it was started from", "[lineage]") {
    Stage stage;
    stage.in_root = false;
    auto tool = [&] {
        ledger::Handle handle = stage.record(getppid());
        stage.reap();
        return stage.fate(handle) == "live/none" ? 0 : 1;
    };
    CHECK(succeeded(in_child([&] { return succeeded(in_child(tool)) ? 0 : 1; })));
}

}  // namespace leakshim::test
