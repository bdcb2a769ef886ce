// SPDX-License-Identifier: MIT
//
// Socket files and trees: what goes, and what is spared. The trees are real, and so are those who live in
// them.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "stage.h"

namespace leakshim::test {

using ledger::Kind;
namespace flag = ledger::flag;

namespace {

int bind_socket(const std::string& path) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (bind(fd, reinterpret_cast<struct sockaddr*>(&address), sizeof address) != 0) return -1;
    listen(fd, 1);
    return fd;
}

void make_socket_file(const std::string& path) {
    close(bind_socket(path));
}

/// Whatever is looked at has the identity that the ledger wants to see.
struct IdentityBlindKernel : reap::Kernel {
    FileId wanted;
    int facts(int dirfd, const char* path, FileFacts& facts) override {
        int answer = reap::Kernel::facts(dirfd, path, facts);
        facts.id = wanted;
        return answer;
    }
};

/// The directory that things lie in may not be entered.
struct DeniedKernel : reap::Kernel {
    int facts(int, const char*, FileFacts&) override { return -EACCES; }
};

}  // namespace

TEST_CASE("directories, files, fifos, links, devices and socket files of the run are removed", "[paths]") {
    Stage stage;
    Scratch scratch;
    std::vector<ledger::Handle> handles;
    handles.push_back(stage.make_directory(scratch / "empty"));
    handles.push_back(stage.make_file(scratch / "file"));
    mkfifo((scratch / "fifo").c_str(), 0600);
    handles.push_back(stage.record(Kind::fifo, scratch / "fifo"));
    REQUIRE(symlink("/nowhere", (scratch / "link").c_str()) == 0);
    handles.push_back(stage.record(Kind::link, scratch / "link"));
    make_socket_file(scratch / "socket");
    handles.push_back(stage.record(Kind::unix_socket, scratch / "socket"));
    size_t descriptors = open_descriptors();
    reap::Result result = stage.reap();
    for (ledger::Handle handle : handles)
        CHECK(stage.fate(handle) == "reaped/removed");
    CHECK(result.errors == 5);
    CHECK(result.reaped == 5);
    CHECK(std::filesystem::is_empty(scratch.path()));
    CHECK(open_descriptors() == descriptors);
}

TEST_CASE("a tree goes with names of any bytes and depths beyond PATH_MAX", "[paths]") {
    Stage stage;
    Scratch scratch;
    ledger::Handle handle = stage.make_directory(scratch / "top");
    int here = open((scratch / "top").c_str(), O_RDONLY | O_DIRECTORY);
    std::string name(200, 'd');
    for (int depth = 0; depth < 300; ++depth) {
        REQUIRE(mkdirat(here, name.c_str(), 0700) == 0);
        int below = openat(here, name.c_str(), O_RDONLY | O_DIRECTORY);
        close(here);
        here = below;
        for (const char* odd : {"\n", "\xff\xfe", " ", "-rf", "*"}) {
            close(openat(here, odd, O_CREAT | O_WRONLY, 0600));
        }
    }
    close(here);
    size_t descriptors = open_descriptors();
    stage.reap();
    CHECK(stage.fate(handle) == "reaped/removed");
    CHECK_FALSE(exists(scratch / "top"));
    CHECK(open_descriptors() == descriptors);
}

TEST_CASE("a tree goes although its directories have no permissions", "[paths]") {
    // As another user than root, whom no mode stops.
    Scratch scratch;
    chmod(scratch.path().c_str(), 0777);
    int status = in_child([&] {
        if (geteuid() == 0 && (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0))
            return 77;
        Stage stage;
        std::string top = scratch / "top";
        ledger::Handle handle = stage.make_directory(top);
        mkdir((top + "/a").c_str(), 0700);
        mkdir((top + "/a/b").c_str(), 0700);
        write_file(top + "/a/b/file", "x");
        chmod((top + "/a/b").c_str(), 0);
        chmod((top + "/a").c_str(), 0500);
        chmod(top.c_str(), 0);
        stage.reap();
        return stage.fate(handle) == "reaped/removed" && !exists(top) ? 0 : 1;
    });
    CHECK(succeeded(status));
}

TEST_CASE("links inside a tree lead nobody out of it", "[paths]") {
    Stage stage;
    Scratch scratch, precious;
    write_file(precious / "file", "precious");
    chmod((precious / "file").c_str(), 0400);
    mkdir((precious / "directory").c_str(), 0500);
    ledger::Handle handle = stage.make_directory(scratch / "top");
    REQUIRE(symlink(precious.path().c_str(), (scratch / "top/symlink").c_str()) == 0);
    REQUIRE(symlink((precious / "file").c_str(), (scratch / "top/symlink-to-file").c_str()) == 0);
    REQUIRE(link((precious / "file").c_str(), (scratch / "top/hard").c_str()) == 0);
    stage.reap();
    CHECK(stage.fate(handle) == "reaped/removed");
    CHECK(read_whole_file(precious / "file") == "precious");
    struct stat st {};
    stat((precious / "file").c_str(), &st);
    CHECK((st.st_mode & 07777) == 0400);
    CHECK(st.st_nlink == 1);
    stat((precious / "directory").c_str(), &st);
    CHECK((st.st_mode & 07777) == 0500);
}

TEST_CASE("trees too large for the quick way go all the same", "[paths]") {
    Scratch scratch;
    Stage stage;
    ledger::Handle wide = stage.make_directory(scratch / "wide");
    ledger::Handle many = stage.make_directory(scratch / "many");
    ledger::Handle few = stage.make_directory(scratch / "few");
    for (int i = 0; i < 600; ++i)
        write_file(scratch / ("wide/" + std::to_string(i)), "x");
    for (int i = 0; i < 40; ++i) {
        std::string path = scratch / ((i < 35 ? "many/" : "few/") + std::to_string(i));
        mkdir(path.c_str(), 0700);
        write_file(path + "/file", "x");
        mkdir((path + "/" + std::string(255, 'n')).c_str(), 0700);
    }
    stage.reap();
    for (ledger::Handle handle : {wide, many, few})
        CHECK(stage.fate(handle) == "reaped/removed");
    for (const char* name : {"wide", "many", "few"})
        CHECK_FALSE(exists(scratch / name));
}

TEST_CASE("what was made anew under the same name is left alone", "[paths]") {
    Stage stage;
    Scratch scratch;
    ledger::Handle directory = stage.make_directory(scratch / "d");
    ledger::Handle file = stage.make_file(scratch / "f");
    make_socket_file(scratch / "s");
    ledger::Handle socket_file = stage.record(Kind::unix_socket, scratch / "s");
    FileId id = file_id(AT_FDCWD, (scratch / "f").c_str());
    rmdir((scratch / "d").c_str());
    unlink((scratch / "f").c_str());
    unlink((scratch / "s").c_str());
    mkdir((scratch / "d").c_str(), 0700);
    write_file(scratch / "f", "somebody else's");
    make_socket_file(scratch / "s");
    reap::Result result = stage.reap();
    for (ledger::Handle handle : {directory, file, socket_file}) {
        CHECK(stage.fate(handle) == "gone/changed_identity");
    }
    CHECK(exists(scratch / "d"));
    CHECK(exists(scratch / "f"));
    CHECK(exists(scratch / "s"));
    CHECK(result.errors == 0);
    CHECK(result.notes == 3);

    SECTION("and without the identity it would be hit") {
        IdentityBlindKernel blind;
        blind.wanted = id;
        Stage again;
        again.kernel = &blind;
        again.header().created_realtime = 0;
        ledger::Handle forged = again.record(Kind::temp_file, scratch / "f");
        ledger::Record& record = *again.ledger->at(forged);
        record.a = id.dev, record.b = id.ino, record.c = id.birth, record.d = id.handle;
        again.reap();
        CHECK_FALSE(exists(scratch / "f"));
    }
}

TEST_CASE("what may not be looked at is said to be there still", "[paths]") {
    Stage stage;
    DeniedKernel denied;
    Scratch scratch;
    ledger::Handle directory = stage.make_directory(scratch / "d");
    ledger::Handle file = stage.make_file(scratch / "f");
    stage.kernel = &denied;
    reap::Result result = stage.reap();
    CHECK(stage.fate(directory) == "failed/no_permission");
    CHECK(stage.fate(file) == "failed/no_permission");
    CHECK(result.failed == 2);
    CHECK(exists(scratch / "d"));
}

TEST_CASE("a directory made anew with the same inode is left alone by its handle", "[paths]") {
    // ext4 gives the inode back nearly always, and with a coarse clock the birth time too: the record is as
    // if it had. Where no inode comes back there is nothing to show.
    Scratch scratch("/tmp");
    std::string path = scratch / "d";
    Stage stage;
    ledger::Handle handle = stage.make_directory(path);
    bool twin = false;
    for (int attempt = 0; attempt < 500 && !twin; ++attempt) {
        rmdir(path.c_str());
        mkdir(path.c_str(), 0700);
        twin = file_id(AT_FDCWD, path.c_str()).ino == stage.ledger->at(handle)->b;
    }
    if (!twin) {
        WARN("this file system gave no inode back in 500 trials");
        return;
    }
    ledger::Record& record = *stage.ledger->at(handle);
    record.c = 0;

    SECTION("which differs") {
        stage.reap();
        CHECK(exists(path));
        CHECK(stage.fate(handle) == "gone/changed_identity");
    }
    SECTION("and without the handle it would go") {
        record.d = 0;
        stage.reap();
        CHECK_FALSE(exists(path));
    }
}

TEST_CASE("a tree that was replaced by a symlink is left alone, with what it leads to", "[paths]") {
    Stage stage;
    Scratch scratch, precious;
    write_file(precious / "file", "precious");
    ledger::Handle tree = stage.make_directory(scratch / "tree");
    ledger::Handle below = stage.make_directory(scratch / "parent");
    ledger::Handle inside = stage.make_file(scratch / "parent/file");
    rmdir((scratch / "tree").c_str());
    REQUIRE(symlink(precious.path().c_str(), (scratch / "tree").c_str()) == 0);
    // And one whose directory was replaced: its name leads to another file now.
    unlink((scratch / "parent/file").c_str());
    rmdir((scratch / "parent").c_str());
    REQUIRE(symlink(precious.path().c_str(), (scratch / "parent").c_str()) == 0);
    stage.reap();
    CHECK(stage.fate(tree) == "gone/changed_identity");
    CHECK(stage.fate(below) == "gone/changed_identity");
    CHECK(stage.fate(inside) == "gone/changed_identity");
    CHECK(read_whole_file(precious / "file") == "precious");
    CHECK(exists(scratch / "tree"));
}

TEST_CASE("what was made through a symlink out of the temporary places is no finding", "[paths]") {
    Stage stage;
    Scratch scratch, home;
    stage.add_exempt_root(home.path());
    REQUIRE(symlink(home.path().c_str(), (scratch / "home").c_str()) == 0);
    ledger::Handle directory = stage.make_directory(scratch / "home/directory");
    ledger::Handle file = stage.make_file(scratch / "home/file");
    // What is temporary wherever it lies.
    mkdir((home / "by-name").c_str(), 0700);
    ledger::Handle by_name = stage.record(Kind::temp_dir, scratch / "home/by-name", flag::kByName);
    make_socket_file(home / "socket");
    ledger::Handle socket_file = stage.record(Kind::unix_socket, scratch / "home/socket");

    SECTION("as it was seen by the hooks") {
        reap::Result result = stage.reap();
        CHECK(stage.fate(directory) == "gone");
        CHECK(stage.fate(file) == "gone");
        CHECK(stage.fate(by_name) == "reaped/removed");
        CHECK(stage.fate(socket_file) == "reaped/removed");
        CHECK(result.errors == 2);
        CHECK(exists(home / "directory"));
        CHECK(exists(home / "file"));
    }
    SECTION("and in a temporary place it is one") {
        stage.header().exempt_roots.size = 0;
        stage.reap();
        CHECK(stage.fate(directory) == "reaped/removed");
        CHECK(stage.fate(file) == "reaped/removed");
    }
    SECTION("and where it can't be told it stays") {
        struct : reap::Kernel {
            Str name_of(int, char*, size_t) override { return {}; }
        } without_proc;
        stage.kernel = &without_proc;
        stage.reap();
        CHECK(stage.fate(directory) == "failed/system_error");
        CHECK(stage.fate(file) == "failed/system_error");
        CHECK(exists(home / "directory"));
        CHECK(exists(home / "file"));
    }
}

TEST_CASE("the last name of a file that was there before stays, whoever gave it that name", "[paths]") {
    Scratch scratch;
    write_file(scratch / "precious", "precious");
    Stage stage;
    REQUIRE(link((scratch / "precious").c_str(), (scratch / "first").c_str()) == 0);
    REQUIRE(link((scratch / "precious").c_str(), (scratch / "second").c_str()) == 0);
    ledger::Handle first = stage.record(Kind::link, scratch / "first");
    ledger::Handle second = stage.record(Kind::link, scratch / "second");
    write_file(scratch / "made", "by the run");
    REQUIRE(link((scratch / "made").c_str(), (scratch / "third").c_str()) == 0);
    ledger::Handle third = stage.record(Kind::link, scratch / "third");
    for (const char* name : {"precious", "made"})
        unlink((scratch / name).c_str());
    stage.reap();
    CHECK(stage.fate(first) == "reaped/removed");
    CHECK(stage.fate(second) == "failed/not_ours_anymore");
    CHECK(stage.fate(third) == "reaped/removed");
    CHECK(read_whole_file(scratch / "second") == "precious");
}

TEST_CASE("what lies in a recorded directory belongs to it", "[paths]") {
    Scratch scratch;
    Stage stage;
    stage.options.ci = false;  // at a desk: trees stay, sockets go
    ledger::Handle top = stage.make_directory(scratch / "top");
    ledger::Handle inner = stage.make_directory(scratch / "top/inner");
    ledger::Handle file = stage.make_file(scratch / "top/inner/file");
    make_socket_file(scratch / "top/socket");
    ledger::Handle socket_file = stage.record(Kind::unix_socket, scratch / "top/socket");
    reap::Result result = stage.reap();
    CHECK(stage.fate(top) == "kept/kept_at_desk");
    CHECK(stage.fate(inner) == "gone");
    CHECK(stage.fate(file) == "gone");
    CHECK(stage.fate(socket_file) == "reaped/removed");
    CHECK(result.errors == 1);
    CHECK(result.kept == 1);
    CHECK(exists(scratch / "top/inner/file"));

    SECTION("and goes with it when it is reaped later") {
        stage.options.ci = true;
        stage.again = true;
        stage.in_root = false;
        CHECK(stage.reap().errors == 1);
        CHECK(stage.fate(top) == "reaped/removed_later");
        CHECK_FALSE(exists(scratch / "top"));
    }

    SECTION("and is kept as before where it can't be reaped later") {
        stage.options.ci = true;
        stage.options.tree_limit = 1;
        stage.again = true;
        stage.in_root = false;
        CHECK(stage.reap().errors == 1);
        CHECK(stage.fate(top) == "kept/kept_at_desk");
        CHECK(exists(scratch / "top"));
    }
}

TEST_CASE("a file that is to be kept is spared inside a tree that goes", "[paths]") {
    Scratch scratch;
    Stage stage;
    ledger::Handle top = stage.make_directory(scratch / "top");
    stage.make_file(scratch / "top/other");
    ledger::Handle kept = stage.make_file(scratch / "top/kept");
    stage.ledger->at(kept)->flags.fetch_or(flag::kWanted);
    stage.reap();
    CHECK(stage.fate(kept) == "kept/kept_by_mark");
    CHECK(stage.fate(top) == "failed/partly_spared");
    CHECK(exists(scratch / "top/kept"));
    CHECK_FALSE(exists(scratch / "top/other"));
}

TEST_CASE("what an intent only announced is reported and never touched", "[paths]") {
    Scratch scratch;
    Stage stage;
    mkdir((scratch / "maybe").c_str(), 0700);
    ledger::Handle intent = ledger::begin_named(stage.ledger.author(), Kind::temp_dir, scratch / "maybe");
    reap::Result result = stage.reap();
    CHECK(exists(scratch / "maybe"));
    CHECK(stage.fate(intent) == "unresolved/unresolved_intent");
    CHECK(result.unresolved == 1);
    CHECK(result.errors == 0);
}

TEST_CASE("what reaping gives back is counted, of the names of one file the last", "[paths]") {
    constexpr size_t kPage = 4096;
    // In a small tree and in one that is too large for the quick way.
    for (int more : {0, 600}) {
        Stage stage;
        Scratch scratch;
        stage.make_directory(scratch / "tree");
        write_file(scratch / "tree/large", std::string(10 * kPage, 'x'));
        REQUIRE(link((scratch / "tree/large").c_str(), (scratch / "tree/twice").c_str()) == 0);
        write_file(scratch / "outside", std::string(5 * kPage, 'x'));
        REQUIRE(link((scratch / "outside").c_str(), (scratch / "tree/shared").c_str()) == 0);
        std::filesystem::create_directory(scratch / "tree/below");
        for (int i = 0; i < more; ++i)
            write_file(scratch / ("tree/below/" + std::to_string(i)), "");
        stage.make_directory(scratch / "empty");
        stage.make_file(scratch / "file");
        write_file(scratch / "file", std::string(3 * kPage, 'x'));
        u64 blocks = 0;
        for (const char* name : {"tree", "tree/large", "tree/below", "empty", "file"}) {
            struct stat st {};
            REQUIRE(stat((scratch / name).c_str(), &st) == 0);
            blocks += static_cast<u64>(st.st_blocks);
        }
        REQUIRE(blocks >= 13 * kPage / 512);
        stage.reap();
        CHECK(exists(scratch / "outside"));
        CHECK_FALSE(exists(scratch / "tree"));
        CHECK(stage.ledger.counter(ledger::Counter::freed_inodes) == 5 + static_cast<u64>(more));
        CHECK(stage.ledger.counter(ledger::Counter::freed_bytes) == blocks * 512);
    }
}

TEST_CASE("what stays gives nothing back", "[paths]") {
    Stage stage;
    Scratch scratch;
    stage.options.reap = false;
    stage.make_directory(scratch / "tree");
    stage.make_file(scratch / "file");
    stage.reap();
    CHECK(stage.ledger.counter(ledger::Counter::freed_inodes) == 0);
    CHECK(stage.ledger.counter(ledger::Counter::freed_bytes) == 0);
}

TEST_CASE("ten thousand directories and ten thousand socket files go", "[paths]") {
    Scratch scratch;
    Stage stage;
    for (int i = 0; i < 10000; ++i) {
        stage.make_directory(scratch / ("d" + std::to_string(i)));
        make_socket_file(scratch / ("s" + std::to_string(i)));
        stage.record(Kind::unix_socket, scratch / ("s" + std::to_string(i)));
    }
    reap::Result result = stage.reap();
    CHECK(result.reaped == 20000);
    CHECK(std::filesystem::is_empty(scratch.path()));
}

}  // namespace leakshim::test
