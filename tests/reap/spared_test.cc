// SPDX-License-Identifier: MIT
//
// What is spared inside a tree of the session's, and which trees are refused as a whole. The trees are real,
// and so are those who live in them; where a kernel that lies takes a check away, the bystander is hurt.
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "stage.h"

namespace leakshim::test {

using ledger::Kind;

namespace {

/// Others look as if they held nothing.
struct OutsiderBlindKernel : reap::Kernel {
    int target_facts(int, const char*, FileFacts&) override { return -EACCES; }
};

/// Every file is the session's user's, and was born when the session was.
struct OwnerBlindKernel : reap::Kernel {
    u64 birth = 0;
    int entry_facts(int dirfd, const char* name, FileFacts& facts) override {
        int answer = reap::Kernel::entry_facts(dirfd, name, facts);
        facts.uid = geteuid();
        if (birth != 0) facts.id.birth = birth;
        return answer;
    }
};

}  // namespace

TEST_CASE("a branch in which others live is spared with its parents", "[paths]") {
    Scratch scratch;
    Stage stage;
    stage.header().flags = 0;
    ledger::Handle handle = stage.make_directory(scratch / "top");
    for (const char* name : {"/cwd", "/cwd/sub", "/open", "/bound", "/plain", "/cwd/sibling"}) {
        mkdir((scratch / "top" + name).c_str(), 0700);
    }
    write_file(scratch / "top/open/file", "x");
    write_file(scratch / "top/plain/file", "x");
    Actor in({"orphan", "in", scratch / "top/cwd/sub"});
    Actor with_file({"orphan", "open", scratch / "top/open/file"});
    Actor with_socket({"orphan", "socket", scratch / "top/bound/socket"});

    SECTION("while they live") {
        stage.reap();
        CHECK(stage.fate(handle) == "failed/partly_spared");
        CHECK(exists(scratch / "top/cwd/sub"));
        CHECK(exists(scratch / "top/open/file"));
        CHECK(exists(scratch / "top/bound/socket"));
        CHECK_FALSE(exists(scratch / "top/plain"));
        CHECK_FALSE(exists(scratch / "top/cwd/sibling"));
    }
    SECTION("and without looking at them it would go") {
        OutsiderBlindKernel blind;
        stage.kernel = &blind;
        stage.reap();
        CHECK_FALSE(exists(scratch / "top"));
    }
    CHECK(in.speaker_alive());
    CHECK(with_file.speaker_alive());
    CHECK(with_socket.speaker_alive());
}

namespace {

/// Nobody ever is behind a socket file.
struct SocketBlindKernel : reap::Kernel {
    int try_connect(int, int) override { return -ECONNREFUSED; }
};

/// Leaves a socket file that nobody is bound to any more.
void leave_socket(const std::string& path) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(bind(fd, reinterpret_cast<struct sockaddr*>(&address), sizeof address) == 0);
    close(fd);
}

}  // namespace

TEST_CASE("a socket file of somebody who bound it by a relative name is spared", "[paths]") {
    Scratch scratch;
    Stage stage;
    ledger::Handle top = stage.make_directory(scratch / "top");
    mkdir((scratch / "top/deep").c_str(), 0700);
    Actor in_tree({"orphan", "relative-socket", scratch / "top/deep/socket"});
    Actor alone({"orphan", "relative-socket", scratch / "socket"});
    ledger::Handle socket = stage.record(Kind::unix_socket, scratch / "socket");
    // Of the same name, and nobody's any more.
    mkdir((scratch / "other").c_str(), 0700);
    leave_socket(scratch / "other/socket");
    ledger::Handle dead = stage.record(Kind::unix_socket, scratch / "other/socket");

    SECTION("and a dead one of that name goes") {
        stage.reap();
        CHECK(exists(scratch / "socket"));
        CHECK(exists(scratch / "top/deep/socket"));
        CHECK(stage.fate(socket) == "failed/not_ours_anymore");
        CHECK(stage.fate(top) == "failed/not_ours_anymore");
    }
    SECTION("and without asking it would go") {
        SocketBlindKernel blind;
        stage.kernel = &blind;
        stage.reap();
        CHECK_FALSE(exists(scratch / "socket"));
        CHECK_FALSE(exists(scratch / "top"));
    }
    CHECK(stage.fate(dead) == "reaped/removed");
    CHECK(in_tree.speaker_alive());
    CHECK(alone.speaker_alive());
}

TEST_CASE("who is asked whether a socket file is his does not hear of it", "[paths]") {
    Scratch scratch;
    std::string path = scratch / "socket";
    for (int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
        int server = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_un address = {};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(bind(server, reinterpret_cast<struct sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(listen(server, 1) == 0);
        int file = open(path.c_str(), O_PATH | O_CLOEXEC);
        for (int other : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
            if (other != type) CHECK(reap::real::try_connect(file, other) == -EPROTOTYPE);
        }
        CHECK(accept(server, nullptr, nullptr) == -1);
        CHECK(errno == EAGAIN);
        close(server);
        CHECK(reap::real::try_connect(file, SOCK_DGRAM) == -ECONNREFUSED);
        close(file);
        unlink(path.c_str());
    }
}

TEST_CASE("an empty directory in which somebody stands is spared", "[paths]") {
    Scratch scratch;
    Stage stage;
    ledger::Handle handle = stage.make_directory(scratch / "top");
    Actor in({"orphan", "in", scratch / "top"});
    reap::Result result = stage.reap();
    CHECK(exists(scratch / "top"));
    CHECK(stage.fate(handle) == "failed/not_ours_anymore");
    CHECK(result.errors == 0);
    CHECK(result.notes == 1);
}

TEST_CASE("what a user owns that a process of root's session became goes with the tree", "[paths]") {
    if (geteuid() != 0) return;
    Scratch scratch;
    Stage stage;
    ledger::Handle handle = stage.make_directory(scratch / "top");
    mkdir((scratch / "top/data").c_str(), 0777);
    write_file(scratch / "top/data/file", "x");
    for (const char* name : {"top/data/file", "top/data", "top"})
        REQUIRE(chown((scratch / name).c_str(), 65534, 65534) == 0);

    SECTION("and stays where none became that user") {
        ledger::add_member(stage.header(), 65533);
        stage.reap();
        CHECK(exists(scratch / "top/data/file"));
        CHECK(stage.fate(handle) == "failed/not_ours_anymore");
    }
    SECTION("as one did") {
        ledger::add_member(stage.header(), 65534);
        stage.reap();
        CHECK_FALSE(exists(scratch / "top"));
        CHECK(stage.fate(handle) == "reaped/removed");
    }
}

TEST_CASE("what another user owns inside a tree is spared", "[paths]") {
    if (geteuid() != 0) return;  // only root can give files away
    Scratch scratch;
    Stage stage;
    ledger::Handle handle = stage.make_directory(scratch / "top");
    mkdir((scratch / "top/theirs").c_str(), 0777);
    write_file(scratch / "top/theirs/file", "x");
    REQUIRE(chown((scratch / "top/theirs").c_str(), 65534, 65534) == 0);
    write_file(scratch / "top/ours", "x");

    SECTION("with its directory") {
        stage.reap();
        CHECK(stage.fate(handle) == "failed/partly_spared");
        CHECK(exists(scratch / "top/theirs/file"));
        CHECK_FALSE(exists(scratch / "top/ours"));
    }
    SECTION("and without looking at its owner it would go") {
        OwnerBlindKernel blind;
        stage.kernel = &blind;
        stage.reap();
        CHECK_FALSE(exists(scratch / "top"));
    }
}

TEST_CASE("what was moved into a tree from before the session is spared", "[paths]") {
    Scratch scratch;
    mkdir((scratch / "old").c_str(), 0700);
    write_file(scratch / "old/file", "precious");
    write_file(scratch / "old-file", "precious");
    write_file(scratch / "cached", "shared");
    usleep(100000);
    Stage stage;
    ledger::Handle handle = stage.make_directory(scratch / "top");
    rename((scratch / "old").c_str(), (scratch / "top/old").c_str());
    rename((scratch / "old-file").c_str(), (scratch / "top/old-file").c_str());
    // A hard link to something old, as package caches make them, is another name only.
    REQUIRE(link((scratch / "cached").c_str(), (scratch / "top/cached").c_str()) == 0);

    SECTION("but a second name of it goes") {
        stage.reap();
        CHECK(stage.fate(handle) == "failed/partly_spared");
        CHECK(read_whole_file(scratch / "top/old/file") == "precious");
        CHECK(read_whole_file(scratch / "top/old-file") == "precious");
        CHECK_FALSE(exists(scratch / "top/cached"));
        CHECK(exists(scratch / "cached"));
    }
    SECTION("and without looking at its age it would go") {
        OwnerBlindKernel blind;
        blind.birth = stage.header().created_realtime;
        stage.kernel = &blind;
        stage.reap();
        CHECK_FALSE(exists(scratch / "top"));
    }
}

TEST_CASE("what came into a tree after the session's end is spared", "[paths]") {
    Scratch scratch;
    Stage stage;
    ledger::Handle handle = stage.make_directory(scratch / "top");
    write_file(scratch / "top/ours", "x");
    usleep(50000);
    stage.ended_realtime = sys::clock(CLOCK_REALTIME);
    usleep(50000);
    write_file(scratch / "top/later", "x");
    stage.reap();
    CHECK(stage.fate(handle) == "failed/partly_spared");
    CHECK(exists(scratch / "top/later"));
    CHECK_FALSE(exists(scratch / "top/ours"));
}

TEST_CASE("what another live session recorded is spared", "[paths]") {
    Scratch scratch;
    Stage stage;
    ledger::Handle handle = stage.make_directory(scratch / "top");
    mkdir((scratch / "top/theirs").c_str(), 0700);
    std::string ledgers = std::filesystem::path(stage.ledger.path()).parent_path();
    TestLedger other(ledgers + "/other.ledger");
    ledger::Header& header = *other->header();
    strcpy(header.id, "another session");
    strcpy(header.boot_id, stage.header().boot_id);
    header.created_boottime = sys::boottime();
    ledger::Handle theirs = ledger::begin_named(other.author(), Kind::temp_dir, scratch / "top/theirs");
    ledger::commit_named(other.author(), theirs, file_id(AT_FDCWD, (scratch / "top/theirs").c_str()));

    SECTION("while it lives") {
        stage.reap();
        CHECK(exists(scratch / "top/theirs"));
        CHECK(stage.fate(handle) == "failed/not_ours_anymore");
    }
    SECTION("and goes when that session has ended") {
        header.phase.store(static_cast<u32>(ledger::Phase::ended));
        stage.reap();
        CHECK_FALSE(exists(scratch / "top"));
    }
}

namespace {

/// Runs `body` where mounts can be made; true when it could be and went well, or could not be.
bool with_mounts(const std::function<bool()>& body) {
    int status = in_child([&] {
        if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
            return 77;
        return body() ? 0 : 1;
    });
    if (WEXITSTATUS(status) == 77) WARN("no mounts can be made here");
    return succeeded(status) || WEXITSTATUS(status) == 77;
}

/// A kernel without openat2(2).
struct OldKernel : reap::Kernel {
    int open_beneath(int, const char*, int) override { return -ENOSYS; }
};

bool spares_mounts(reap::Kernel* kernel) {
    Scratch scratch, precious;
    write_file(precious / "file", "precious");
    Stage stage;
    if (kernel != nullptr) stage.kernel = kernel;
    ledger::Handle tree = stage.make_directory(scratch / "top");
    ledger::Handle point = stage.make_directory(scratch / "point");
    for (const char* name : {"/tmpfs", "/bind"})
        mkdir((scratch / "top" + name).c_str(), 0700);
    write_file(scratch / "top/file", "x");
    if (mount("none", (scratch / "top/tmpfs").c_str(), "tmpfs", 0, nullptr) != 0) return false;
    write_file(scratch / "top/tmpfs/file", "x");
    std::string bind = scratch / "top/bind", top = scratch / "point";
    if (mount(precious.path().c_str(), bind.c_str(), nullptr, MS_BIND, nullptr) != 0) return false;
    if (mount(top.c_str(), top.c_str(), nullptr, MS_BIND, nullptr) != 0) return false;
    // What lies on a mount has the mount's identity: recorded as it is now, it is a mount point of ours.
    ledger::Handle mounted = stage.record(Kind::temp_dir, top);
    stage.reap();
    bool spared = exists(scratch / "top/tmpfs/file") && read_whole_file(precious / "file") == "precious";
    bool refused = stage.fate(mounted) == "failed/brake_mount" && exists(top);
    bool said = stage.fate(tree) == "failed/partly_spared" || stage.fate(tree) == "failed/not_ours_anymore";
    if (!spared || !refused || !said) {
        fprintf(stderr, "%d %d %s %s %s\n", spared, refused, stage.fate(tree).c_str(),
                stage.fate(point).c_str(), stage.fate(mounted).c_str());
    }
    umount((scratch / "top/tmpfs").c_str());
    umount(bind.c_str());
    umount(top.c_str());
    return spared && refused && said;
}

}  // namespace

TEST_CASE("a mount inside a tree and a mounted tree are left alone", "[paths]") {
    CHECK(with_mounts([] { return spares_mounts(nullptr); }));
}

TEST_CASE("mounts are left alone by kernels without openat2 too", "[paths]") {
    OldKernel old;
    CHECK(with_mounts([&] { return spares_mounts(&old); }));
    // And where nothing is mounted the tree goes.
    Scratch scratch;
    Stage stage;
    stage.kernel = &old;
    ledger::Handle handle = stage.make_directory(scratch / "top");
    mkdir((scratch / "top/d").c_str(), 0700);
    write_file(scratch / "top/d/file", "x");
    stage.reap();
    CHECK(stage.fate(handle) == "reaped/removed");
}

TEST_CASE("a directory above something exempt is refused", "[paths]") {
    Scratch scratch;
    Stage stage;
    ledger::Handle home = stage.make_directory(scratch / "home");
    ledger::Handle above = stage.make_directory(scratch / "above");
    ledger::Handle beside = stage.make_directory(scratch / "beside");
    mkdir((scratch / "above/work").c_str(), 0700);
    stage.add_exempt_root(scratch / "home");
    stage.add_exempt_root(scratch / "above/work");
    stage.add_exempt_root(scratch / "besides");
    stage.reap();
    CHECK(stage.fate(home) == "failed/brake_home");
    CHECK(stage.fate(above) == "failed/brake_home");
    CHECK(stage.fate(beside) == "reaped/removed");
    CHECK(exists(scratch / "above/work"));
}

TEST_CASE("a work tree that is open to others is refused, a clone in a private directory is not", "[paths]") {
    Scratch scratch;
    Stage stage;
    ledger::Handle checkout = stage.make_directory(scratch / "checkout", 0755);
    mkdir((scratch / "checkout/.git").c_str(), 0755);
    ledger::Handle private_one = stage.make_directory(scratch / "private", 0700);
    mkdir((scratch / "private/.git").c_str(), 0755);
    ledger::Handle nested = stage.make_directory(scratch / "nested", 0755);
    mkdir((scratch / "nested/clone").c_str(), 0755);
    mkdir((scratch / "nested/clone/.git").c_str(), 0755);
    stage.reap();
    CHECK(stage.fate(checkout) == "failed/brake_work_tree");
    CHECK(exists(scratch / "checkout/.git"));
    CHECK(stage.fate(private_one) == "reaped/removed");
    CHECK(stage.fate(nested) == "reaped/removed");
}

TEST_CASE("a tree with more entries than the limit is refused as a whole", "[paths]") {
    Scratch scratch;
    Stage stage;
    stage.options.tree_limit = 4;
    ledger::Handle large = stage.make_directory(scratch / "large");
    ledger::Handle small = stage.make_directory(scratch / "small");
    for (const char* name : {"/large/1", "/large/2", "/small/1", "/small/2"}) {
        mkdir((scratch.path() + name).c_str(), 0700);
    }
    for (const char* name : {"/large/1/a", "/large/2/a", "/small/1/a"})
        write_file(scratch.path() + name, "x");
    stage.reap();
    CHECK(stage.fate(large) == "failed/brake_size");
    CHECK(exists(scratch / "large/1/a"));
    CHECK(exists(scratch / "large/2/a"));
    CHECK(stage.fate(small) == "reaped/removed");
}

}  // namespace leakshim::test
