// SPDX-License-Identifier: MIT
//
// The identity of files: what keeps it, what changes it.
#include "file_id.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "support.h"

using namespace leakshim;
using namespace leakshim::test;

namespace {

FileId id_of(const std::string& path) {
    return file_id(AT_FDCWD, path.c_str());
}

}  // namespace

TEST_CASE("a_renamed_or_changed_file_is_still_the_same") {
    TempDir dir;
    write_file(dir / "a", "one");
    FileId id = id_of(dir / "a");
    REQUIRE(id.known());
    REQUIRE(rename((dir / "a").c_str(), (dir / "b").c_str()) == 0);
    CHECK(id_of(dir / "b") == id);
    write_file(dir / "b", "another content");
    chmod((dir / "b").c_str(), 0);
    CHECK(id_of(dir / "b") == id);
    CHECK_FALSE(id_of(dir / "a").known());
}

TEST_CASE("a_directory_removed_and_made_anew_is_another_one") {
    // In the working directory too: other file systems than tmpfs give inode numbers back at once.
    TempDir dir;
    std::string here = "file-id-test-" + std::to_string(getpid());
    for (const std::string& path : {dir / "d", here}) {
        int same = 0;
        bool handles = false;
        for (int i = 0; i < 200; ++i) {
            REQUIRE(mkdir(path.c_str(), 0700) == 0);
            FileId first = id_of(path);
            REQUIRE(rmdir(path.c_str()) == 0);
            REQUIRE(mkdir(path.c_str(), 0700) == 0);
            FileId second = id_of(path);
            REQUIRE(rmdir(path.c_str()) == 0);
            same += first == second;
            handles = handles || first.handle != 0;
        }
        // Without file handles (overlayfs) the identity may really be the same, and nobody could tell.
        if (handles) CHECK(same == 0);
    }
}

TEST_CASE("a_link_is_looked_at_itself_and_a_hard_link_is_the_file") {
    TempDir dir;
    write_file(dir / "file", "");
    REQUIRE(symlink("file", (dir / "symbolic").c_str()) == 0);
    REQUIRE(link((dir / "file").c_str(), (dir / "hard").c_str()) == 0);
    CHECK(id_of(dir / "symbolic") != id_of(dir / "file"));
    CHECK(id_of(dir / "hard") == id_of(dir / "file"));
    FileFacts facts;
    REQUIRE(file_facts(AT_FDCWD, (dir / "symbolic").c_str(), facts) == 0);
    CHECK(S_ISLNK(facts.mode));
}

TEST_CASE("a_file_is_the_same_by_name_by_directory_and_by_descriptor") {
    TempDir dir;
    write_file(dir / "file", "12345");
    int dirfd = open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = open((dir / "file").c_str(), O_RDONLY | O_CLOEXEC);
    FileId id = id_of(dir / "file");
    CHECK(file_id(dirfd, "file") == id);
    CHECK(file_id(fd, "") == id);
    FileFacts facts;
    REQUIRE(file_facts(fd, "", facts) == 0);
    CHECK(S_ISREG(facts.mode));
    CHECK(facts.size == 5);
    CHECK(facts.links == 1);
    CHECK(facts.uid == geteuid());
    CHECK_FALSE(facts.mount_root);
    close(fd);
    close(dirfd);
}

TEST_CASE("what_is_not_there_has_no_identity_and_leaves_the_facts_alone") {
    TempDir dir;
    FileFacts facts;
    facts.size = 4711;
    CHECK(file_facts(AT_FDCWD, (dir / "missing").c_str(), facts) == -ENOENT);
    CHECK(facts.size == 4711);
    CHECK_FALSE(id_of(dir / "missing").known());
    CHECK(file_facts(-1, "", facts) == -EBADF);
}

TEST_CASE("a_mount_point_is_seen_as_one") {
    FileFacts facts, inside;
    REQUIRE(file_facts(AT_FDCWD, "/proc", facts) == 0);
    CHECK(facts.mount_root);
    REQUIRE(file_facts(AT_FDCWD, "/proc/self/ns", inside) == 0);
    CHECK_FALSE(inside.mount_root);
    CHECK(inside.mount == facts.mount);
    FileFacts root;
    REQUIRE(file_facts(AT_FDCWD, "/", root) == 0);
    CHECK(root.mount != facts.mount);
}
