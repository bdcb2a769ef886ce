// SPDX-License-Identifier: MIT
//
// The ledger as one process sees it: creating and opening, the life of a record, names, the index.
#include "ledger.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <set>

#include "reader.h"
#include "support.h"

using namespace leakshim;
using namespace leakshim::ledger;
using namespace leakshim::test;

namespace {

Handle add_path(const Author& author, Str name, u64 inode = 7) {
    Handle handle = begin_named(author, Kind::temp_dir, name);
    commit_named(author, handle, FileId{1, inode, 3, 4});
    return handle;
}

Handle add_fd(const Author& author, int fd) {
    Handle handle = author.ledger.allocate(author.lease, Kind::socket, 0);
    Record* record = author.ledger.at(handle);
    record->owner = author.process;
    record->number = fd;
    author.ledger.publish(*record, State::live);
    return handle;
}

}  // namespace

TEST_CASE("a_new_ledger_is_attached_and_both_sides_see_the_same_record") {
    TestLedger ledger;
    Handle handle = add_path(ledger.author(), "/tmp/made-by-the-first");

    auto other = std::make_unique<Ledger>();
    REQUIRE(other->attach(ledger.path().c_str()) == 0);
    CHECK(find_named(*other, Kind::temp_dir, "/tmp/made-by-the-first") == handle);
    CHECK(name_of(*other->at(handle)) == "/tmp/made-by-the-first");
    CHECK(find_process(*other, getpid()) == ledger.process());
}

TEST_CASE("creating_over_an_existing_file_is_refused_and_leaves_it_alone") {
    TempDir dir;
    write_file(dir / "l", "precious");
    auto ledger = std::make_unique<Ledger>();
    CHECK(ledger->create((dir / "l").c_str()) == -EEXIST);
    CHECK_FALSE(ledger->ready());
    CHECK(read_whole_file(dir / "l") == "precious");
}

TEST_CASE("an_unsealed_ledger_cannot_be_attached") {
    TempDir dir;
    auto ledger = std::make_unique<Ledger>();
    REQUIRE(ledger->create((dir / "l").c_str()) == 0);
    auto other = std::make_unique<Ledger>();
    CHECK(other->attach((dir / "l").c_str()) == -EINVAL);
    ledger->seal();
    CHECK(other->attach((dir / "l").c_str()) == 0);
}

TEST_CASE("a_ledger_is_readable_by_its_owner_alone") {
    TestLedger ledger;
    struct stat st {};
    REQUIRE(stat(ledger.path().c_str(), &st) == 0);
    CHECK((st.st_mode & 07777) == 0600);
}

TEST_CASE("what_is_no_ledger_is_not_attached") {
    TempDir dir;
    auto ledger = std::make_unique<Ledger>();
    CHECK(ledger->attach((dir / "missing").c_str()) == -ENOENT);
    CHECK(ledger->attach(dir.path().c_str()) < 0);
    write_file(dir / "empty", "");
    CHECK(ledger->attach((dir / "empty").c_str()) == -EINVAL);
    write_file(dir / "text", std::string(1 << 20, 'x'));
    CHECK(ledger->attach((dir / "text").c_str()) == -EINVAL);
    TestLedger good;
    REQUIRE(symlink(good.path().c_str(), (dir / "link").c_str()) == 0);
    CHECK(ledger->attach((dir / "link").c_str()) == -ELOOP);
    REQUIRE(mkfifo((dir / "fifo").c_str(), 0600) == 0);
    CHECK(ledger->attach((dir / "fifo").c_str()) < 0);
    CHECK_FALSE(ledger->ready());
}

TEST_CASE("another_layout_version_is_not_attached") {
    TestLedger ledger;
    ledger->header()->layout_version = kLayoutVersion + 1;
    auto other = std::make_unique<Ledger>();
    CHECK(other->attach(ledger.path().c_str()) == -EPROTO);
}

TEST_CASE("another_users_ledger_is_not_attached") {
    if (geteuid() != 0) {
        WARN("needs root to make a file of another user: nothing was tested");
        return;
    }
    TestLedger ledger;
    REQUIRE(chown(ledger.path().c_str(), 12345, 12345) == 0);
    auto other = std::make_unique<Ledger>();
    CHECK(other->attach(ledger.path().c_str()) == -EPERM);
}

TEST_CASE("a_ledger_that_was_cut_short_is_not_attached") {
    // In a child: a mapping of a file that was cut short is a SIGBUS for whoever touches it.
    TestLedger ledger;
    auto size = GENERATE(0, 4096, 32768, 65536, 1 << 20, 1 << 30);
    REQUIRE(truncate(ledger.path().c_str(), size) == 0);
    CHECK(succeeded(in_child([&] {
        auto other = std::make_unique<Ledger>();
        return other->attach(ledger.path().c_str()) == -EINVAL ? 0 : 1;
    })));
}

TEST_CASE("a_record_is_invisible_until_it_is_published_and_gone_once_released") {
    TestLedger ledger;
    Author author = ledger.author();
    Handle handle = ledger->allocate(author.lease, Kind::socket, 0);
    REQUIRE(handle != 0);
    Record& record = *ledger->at(handle);
    CHECK(state_of(record) == State::free);
    CHECK(record.lines == 1);
    std::string faults;
    CHECK(read_ledger(ledger.path(), faults).size() == 1);  // the process

    record.number = 5;
    ledger->publish(record, State::live);
    CHECK(state_of(record) == State::live);
    auto entries = read_ledger(ledger.path(), faults);
    REQUIRE(entries.size() == 2);
    CHECK(entries[1].kind == Kind::socket);
    CHECK(entries[1].number == 5);

    CHECK(ledger->release(author.lease, handle));
    CHECK_FALSE(ledger->release(author.lease, handle));
    CHECK(read_ledger(ledger.path(), faults).size() == 1);
    CHECK(faults.empty());
}

TEST_CASE("a_released_line_is_used_again_with_another_generation") {
    TestLedger ledger;
    Author author = ledger.author();
    Handle first = add_fd(author, 3);
    u32 generation = generation_of(*ledger->at(first));
    REQUIRE(ledger->release(author.lease, first));
    Handle second = add_fd(author, 4);
    CHECK(second == first);
    CHECK(generation_of(*ledger->at(second)) != generation);

    CHECK_FALSE(ledger->release(author.lease, first, generation));
    CHECK(state_of(*ledger->at(second)) == State::live);
    CHECK(ledger->release(author.lease, second, generation_of(*ledger->at(second))));
}

TEST_CASE("no_generation_comes_back_when_a_line_held_text_in_between") {
    TestLedger ledger;
    Author author = ledger.author();
    Handle first = add_fd(author, 3);
    Handle tail_line = add_fd(author, 4);
    u32 generation = generation_of(*ledger->at(tail_line));
    ledger->release(author.lease, first);
    ledger->release(author.lease, tail_line);
    Handle path = add_path(author, "/tmp/text-over-both-lines");
    REQUIRE(path == first);
    release_persistent(author, path);
    REQUIRE(add_fd(author, 5) == first);
    REQUIRE(add_fd(author, 6) == tail_line);
    CHECK(generation_of(*ledger->at(tail_line)) != generation);
    CHECK(state_of(*ledger->at(tail_line)) == State::live);
}

TEST_CASE("the_text_of_a_released_record_is_never_taken_for_a_record") {
    TestLedger ledger;
    Author author = ledger.author();
    // The line of the text begins with its size, here 02 01, then come these bytes: as a record it would be a
    // live eventfd of one line.
    std::string name = std::string("//\x0b\x01") + std::string(0x102 - 4, '/');
    static_assert(static_cast<int>(Kind::eventfd) == 0x0b && static_cast<int>(State::live) == 0x02);
    Handle handle = add_path(author, name);
    std::string faults;
    REQUIRE(read_ledger(ledger.path(), faults).size() == 2);
    release_persistent(author, handle);
    CHECK(read_ledger(ledger.path(), faults).size() == 1);
    // A shorter record over its beginning leaves the rest of the text behind it.
    add_fd(author, 3);
    CHECK(read_ledger(ledger.path(), faults).size() == 2);
    CHECK(faults.empty());
}

TEST_CASE("only_one_of_many_movers_wins") {
    TestLedger ledger;
    Author author = ledger.author();
    Record& record = *ledger->at(add_fd(author, 3));
    CHECK(ledger->move(record, State::live, State::leaked));
    CHECK_FALSE(ledger->move(record, State::live, State::leaked));
    CHECK(ledger->move(record, State::leaked, State::reaped));
    CHECK(state_of(record) == State::reaped);
}

TEST_CASE("a_handle_that_names_nothing_is_ignored_everywhere") {
    TestLedger ledger;
    Author author = ledger.author();
    for (Handle handle : {0U, 1U, 63U, 64U * 8 - 1, 64U * 16, ~0U}) {
        CHECK(ledger->at(handle) == nullptr);
        CHECK_FALSE(ledger->release(author.lease, handle));
        release_persistent(author, handle);
        commit_named(author, handle, FileId{});
        CHECK(begin_rename(author, handle, "/tmp/x") == 0);
        end_process(author, handle, 0);
    }
    CHECK(audit(ledger.path()).empty());
}

TEST_CASE("a_record_too_long_for_a_chunk_is_dropped_and_counted") {
    TestLedger ledger;
    std::string longest(kMaxText, 'x'), too_long(kMaxText + 1, 'x');
    Handle handle = add_path(ledger.author(), longest);
    REQUIRE(handle != 0);
    CHECK(name_of(*ledger->at(handle)) == longest);
    CHECK(find_named(*ledger, Kind::temp_dir, longest) == handle);
    CHECK(begin_named(ledger.author(), Kind::temp_dir, too_long) == 0);
    CHECK(ledger.counter(Counter::dropped_name) == 1);
    std::string faults;
    auto entries = read_ledger(ledger.path(), faults);
    REQUIRE(entries.size() == 2);
    CHECK(entries[1].text == longest);
}

TEST_CASE("records_of_every_length_fit_next_to_each_other") {
    TestLedger ledger;
    std::set<std::string> names;
    for (u32 size = 1; size <= kMaxText; size += 13) {
        std::string name(size, static_cast<char>('a' + size % 26));
        REQUIRE(add_path(ledger.author(), name) != 0);
        names.insert(name);
    }
    std::string faults;
    std::set<std::string> found;
    for (const OwnedEntry& entry : read_ledger(ledger.path(), faults)) {
        if (entry.kind == Kind::temp_dir) found.insert(entry.words);
    }
    CHECK(faults.empty());
    CHECK(found == names);
}

TEST_CASE("a_long_record_finds_room_though_spare_chunks_have_none") {
    TestLedger ledger;
    // Ten chunks with holes of one line each.
    std::vector<Handle> all;
    ThreadLease lease = ledger.thread_lease();
    for (int i = 0; i < 630; ++i)
        all.push_back(add_fd(ledger.author(lease), i));
    ledger->drop_lease(lease);
    for (size_t i = 0; i < all.size(); i += 3)
        ledger->release(lease, all[i]);
    for (int i = 0; i < 20; ++i) {
        ThreadLease fresh = ledger.thread_lease();
        REQUIRE(add_path(ledger.author(fresh), std::string(3000, static_cast<char>('a' + i))) != 0);
        ledger->drop_lease(fresh);
    }
    CHECK(ledger.counter(Counter::dropped_full) + ledger.counter(Counter::dropped_limit) == 0);
    CHECK(audit(ledger.path()).empty());
}

TEST_CASE("making_and_releasing_for_ever_does_not_grow_the_ledger") {
    TestLedger ledger;
    Random random(1);
    std::vector<Handle> live;
    u32 after_warm_up = 0;
    for (int i = 0; i < 200'000; ++i) {
        if (i == 20'000) after_warm_up = ledger->header()->next_chunk;
        std::string name = std::to_string(i) + std::string(random.below(400), 'x');
        live.push_back(add_path(ledger.author(), name));
        if (live.size() < 500) continue;
        std::swap(live[random.below(live.size())], live.back());
        release_persistent(ledger.author(), live.back());
        live.pop_back();
    }
    // Fragments may cost something; growth with the number of records ever made would be hundreds of chunks.
    CHECK(ledger->header()->next_chunk <= after_warm_up + 64);
    CHECK(audit(ledger.path()).empty());
}

TEST_CASE("a_lease_that_was_dropped_is_used_by_the_next_thread") {
    TestLedger ledger;
    ThreadLease first = ledger.thread_lease();
    Handle one = add_fd(ledger.author(first), 1);
    ledger->drop_lease(first);
    ThreadLease second = ledger.thread_lease();
    Handle two = add_fd(ledger.author(second), 2);
    CHECK(chunk_of(one) == chunk_of(two));
    CHECK(one != two);
}

TEST_CASE("processes_that_come_and_go_leave_no_chunk_behind") {
    TestLedger ledger;
    u32 before = ledger->header()->next_chunk;
    for (int i = 0; i < 1000; ++i) {
        ThreadLease lease;
        Author author{*ledger, lease};
        NewProcess process;
        process.pid = 1'000'000 + i;
        process.command = "true";
        Handle handle = add_process(author, process);
        REQUIRE(handle != 0);
        end_process(ledger.author(), handle, 0);
        CHECK(find_process(*ledger, process.pid) == 0);
    }
    CHECK(ledger->header()->next_chunk <= before + 2);
}

TEST_CASE("a_handler_that_interrupts_the_allocator_gets_lines_of_its_own") {
    TestLedger ledger;
    Author author = ledger.author();
    Handle before = add_fd(author, 1);
    author.lease.busy = 1;  // as a signal handler finds it
    Handle inside = add_fd(author, 2);
    ledger->release(author.lease, before);
    ledger->drop_lease(author.lease);
    author.lease.busy = 0;
    REQUIRE(inside != 0);
    CHECK(chunk_of(inside) != chunk_of(before));
    Handle after = add_fd(author, 3);
    CHECK(chunk_of(after) == chunk_of(before));
    CHECK(audit(ledger.path()).empty());
}

TEST_CASE("the_mapping_is_inherited_and_a_child_writes_to_the_same_ledger") {
    TestLedger ledger;
    REQUIRE(succeeded(in_child([&] {
        ledger.become_child();
        return add_path(ledger.author(), "/tmp/of-the-child") != 0 ? 0 : 1;
    })));
    Handle handle = find_named(*ledger, Kind::temp_dir, "/tmp/of-the-child");
    REQUIRE(handle != 0);
    CHECK(ledger->at(handle)->owner != ledger.process());
}

TEST_CASE("what_lies_behind_the_segments_that_a_process_has_at_hand_is_found_by_it_and_by_its_child") {
    TestLedger ledger;
    std::string long_name(1500, 'x');
    Handle last = 0;
    for (int i = 0; chunk_of(last) < 20 * kSegmentSize / kChunkSize; ++i) {
        last = add_path(ledger.author(), "/tmp/" + long_name + std::to_string(i));
        REQUIRE(last != 0);
    }
    std::string name(name_of(*ledger->at(last)));
    CHECK(find_named(*ledger, Kind::temp_dir, name) == last);
    REQUIRE(succeeded(in_child([&] {
        ledger.become_child();
        bool found = find_named(*ledger, Kind::temp_dir, name) == last;
        return found && add_path(ledger.author(), "/tmp/of-the-child") != 0 ? 0 : 1;
    })));
    CHECK(find_named(*ledger, Kind::temp_dir, "/tmp/of-the-child") != 0);
}

TEST_CASE("no_descriptor_stays_open_on_the_ledger") {
    TestLedger ledger;
    for (int i = 0; i < 5000; ++i)
        add_path(ledger.author(), "/tmp/" + std::string(500, 'x') + std::to_string(i));
    REQUIRE(ledger->header()->next_chunk > 512);  // beyond the first two segments
    for (int fd = 0; fd < 64; ++fd) {
        char target[256] = {};
        std::string link = "/proc/self/fd/" + std::to_string(fd);
        if (readlink(link.c_str(), target, sizeof target - 1) < 0) continue;
        CHECK(std::string(target).find("leakshim-unit") == std::string::npos);
    }
}

TEST_CASE("what_a_damaged_ledger_has_in_lines_that_it_calls_free_does_not_come_back") {
    TestLedger ledger;
    ThreadLease lease = ledger.thread_lease();
    Handle first = add_fd(ledger.author(lease), 100);
    for (int fd = 101; fd < 110; ++fd)
        REQUIRE(chunk_of(add_fd(ledger.author(lease), fd)) == chunk_of(first));
    auto* chunk = static_cast<ChunkHeader*>(ledger->memory(u64{chunk_of(first)} * kChunkSize));
    // The damage: all their lines are called free, and the first one freed once more.
    u32 line = line_of(first);
    chunk->used &= ~(u64{0x3ff} << line);
    chunk->freed = u64{1} << line;
    NewProcess process;
    process.pid = getpid() + 1;
    process.command = "short";
    Handle handle = add_process(ledger.author(lease), process);
    REQUIRE(handle == first);

    MappedSource source(*ledger);
    auto walker = std::make_unique<Walker>(source, *ledger->header());
    Entry entry;
    while (walker->next(entry))
        CHECK_FALSE(is_fd(entry.kind));
}
