// SPDX-License-Identifier: MIT
//
// No room: a full file system, a small RLIMIT_FSIZE, a small RLIMIT_AS. Whatever runs out, a record is
// dropped and counted, and the process lives on. Each test runs in a child, since what it does to itself
// can't be undone; a SIGBUS or SIGXFSZ is a wait status that succeeded() does not accept.
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "support.h"
#include "sys.h"

using namespace leakshim;
using namespace leakshim::ledger;
using namespace leakshim::test;

namespace {

constexpr int kNoMount = 77;

Handle add_path(const Author& author, u32 number) {
    std::string name = "/tmp/pytest-of-you/" + std::to_string(number);
    Handle handle = begin_named(author, Kind::temp_dir, name);
    commit_named(author, handle, FileId{1, number, 3, 4});
    return handle;
}

bool enter_user_name_space() {
    std::string user = std::to_string(geteuid()), group = std::to_string(getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    // Without a mapping no file can be made (EOVERFLOW).
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", user + " " + user + " 1");
    write_file("/proc/self/gid_map", group + " " + group + " 1");
    return true;
}

/// Mounts a tmpfs of `size` over `dir`, seen by the calling process alone. With a user name space where we
/// are not root.
bool mount_small(const std::string& dir, const char* size) {
    if (unshare(CLONE_NEWNS) != 0 && !enter_user_name_space()) return false;
    mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    std::string options = std::string("size=") + size;
    return mount("tmpfs", dir.c_str(), "tmpfs", 0, options.c_str()) == 0;
}

u64 free_bytes(const std::string& path) {
    struct statfs space {};
    statfs(path.c_str(), &space);
    return static_cast<u64>(space.f_bavail) * static_cast<u64>(space.f_bsize);
}

/// Runs `body(dir)` in a child in which `dir` is a tmpfs of `size`.
void on_small_file_system(const char* size, const std::function<int(const std::string&)>& body) {
    TempDir dir;
    int status = in_child([&] { return mount_small(dir.path(), size) ? body(dir.path()) : kNoMount; });
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNoMount) {
        WARN("neither root nor a user name space to mount a tmpfs in: nothing was tested");
        return;
    }
    CHECK(succeeded(status));
}

void limit(int resource, u64 value) {
    struct rlimit now {};
    getrlimit(static_cast<__rlimit_resource>(resource), &now);
    now.rlim_cur = value;
    setrlimit(static_cast<__rlimit_resource>(resource), &now);
}

u64 address_space_in_use() {
    u64 pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages * 4096;
}

}  // namespace

TEST_CASE("a_file_system_of_one_mebibyte_that_is_full_drops_records_and_counts_them") {
    on_small_file_system("1m", [](const std::string& dir) {
        TestLedger ledger(dir + "/l");
        u32 kept = 0, dropped = 0;
        std::vector<Handle> handles;
        for (u32 i = 0; i < 20'000; ++i) {
            Handle handle = add_path(ledger.author(), i);
            handle != 0 ? ++kept : ++dropped;
            if (handle != 0) handles.push_back(handle);
        }
        if (kept < 3000 || kept > 10'000) return 1;
        if (ledger.counter(Counter::dropped_full) != dropped) return 2;
        std::string faults;
        if (read_ledger(ledger.path(), faults).size() != kept + 1 || !faults.empty()) return 3;
        // Room that is given back is room again, with the file system as full as before.
        for (size_t i = 0; i < 1000; ++i)
            release_persistent(ledger.author(), handles[i]);
        for (u32 i = 0; i < 900; ++i) {
            if (add_path(ledger.author(), i) == 0) return 4;
        }
        return 0;
    });
}

TEST_CASE("a_file_system_that_somebody_else_filled_drops_records_and_counts_them") {
    on_small_file_system("2m", [](const std::string& dir) {
        TestLedger ledger(dir + "/l");
        if (add_path(ledger.author(), 1) == 0) return 1;
        std::ofstream filler(dir + "/filler", std::ios::binary);
        std::string page(4096, 'x');
        while (filler.write(page.data(), 4096).flush()) {
        }
        u32 dropped = 0;
        for (u32 i = 0; i < 1000; ++i)
            dropped += add_path(ledger.author(), i) == 0;
        if (dropped < 900 || ledger.counter(Counter::dropped_full) != dropped) return 2;
        unlink((dir + "/filler").c_str());
        filler.close();
        return add_path(ledger.author(), 5000) != 0 ? 0 : 3;
    });
}

TEST_CASE("a_full_file_system_has_no_room_for_a_new_ledger_and_nothing_is_left_of_the_attempt") {
    on_small_file_system("40k", [](const std::string& dir) {
        auto ledger = std::make_unique<Ledger>();
        u64 before = free_bytes(dir);
        if (ledger->create((dir + "/l").c_str()) != -ENOSPC) return 1;
        if (ledger->ready()) return 2;
        if (access((dir + "/l").c_str(), F_OK) == 0) return 3;
        return free_bytes(dir) == before ? 0 : 4;
    });
}

TEST_CASE("the_index_never_takes_the_last_of_a_file_system") {
    on_small_file_system("6m", [](const std::string& dir) {
        TestLedger ledger(dir + "/l");
        // A third level takes 2 MiB. All under one hash: each bucket is full at once, and the next level
        // wanted.
        std::ofstream filler(dir + "/filler", std::ios::binary);
        std::string bytes(2 << 20, 'x');
        filler.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush();
        u64 before = free_bytes(dir);
        Author author = ledger.author();
        for (u32 i = 0; i < 100; ++i) {
            Handle handle = begin_named(author, Kind::temp_dir, "/tmp/one");
            commit_named(author, handle, FileId{1, i, 3, 4});
            if (handle == 0) return 1;
        }
        if (ledger.counter(Counter::unindexed) == 0) return 2;
        return free_bytes(dir) >= before / 2 ? 0 : 3;
    });
}

TEST_CASE("a_small_limit_on_file_sizes_makes_a_small_ledger_and_no_SIGXFSZ") {
    TempDir dir;
    CHECK(succeeded(in_child([&] {
        limit(RLIMIT_FSIZE, 2 << 20);
        TestLedger ledger(dir / "small");
        u32 kept = 0;
        while (add_path(ledger.author(), kept) != 0)
            ++kept;
        if (kept < 5000 || ledger.counter(Counter::dropped_limit) != 1) return 1;
        return audit(ledger.path()).empty() ? 0 : 2;
    })));
    CHECK(succeeded(in_child([&] {
        limit(RLIMIT_FSIZE, 512 << 10);
        auto ledger = std::make_unique<Ledger>();
        if (ledger->create((dir / "tiny").c_str()) != -EFBIG) return 1;
        return access((dir / "tiny").c_str(), F_OK) == 0 ? 2 : 0;
    })));
}

TEST_CASE("a_limit_on_file_sizes_set_later_by_the_host_changes_nothing") {
    CHECK(succeeded(in_child([] {
        TestLedger ledger;
        limit(RLIMIT_FSIZE, 4096);
        for (u32 i = 0; i < 10'000; ++i) {
            if (add_path(ledger.author(), i) == 0) return 1;
        }
        return 0;
    })));
}

TEST_CASE("a_small_limit_on_address_space_drops_records_and_counts_them") {
    CHECK(succeeded(in_child([] {
        TestLedger ledger;
        for (u32 i = 0; i < 1000; ++i)
            add_path(ledger.author(), i);
        limit(RLIMIT_AS, address_space_in_use() + (3 << 20));
        u32 dropped = 0;
        for (u32 i = 0; i < 30'000; ++i)
            dropped += add_path(ledger.author(), i) == 0;
        u64 counted = ledger.counter(Counter::dropped_limit);
        limit(RLIMIT_AS, RLIM_INFINITY);
        if (dropped < 5000 || counted != dropped) return 1;
        // What another process wrote beyond our reach is still ours to release, once there is room.
        return add_path(ledger.author(), 50'000) != 0 && audit(ledger.path()).empty() ? 0 : 2;
    })));
}

TEST_CASE("no_address_space_at_all_refuses_to_create_or_attach") {
    TestLedger good;
    TempDir dir;
    CHECK(succeeded(in_child([&] {
        auto ledger = std::make_unique<Ledger>();
        limit(RLIMIT_AS, address_space_in_use());
        int attached = ledger->attach(good.path().c_str());
        int created = ledger->create((dir / "l").c_str());
        limit(RLIMIT_AS, RLIM_INFINITY);
        if (attached != -ENOMEM || created != -ENOMEM) return 1;
        return access((dir / "l").c_str(), F_OK) == 0 ? 2 : 0;
    })));
}
