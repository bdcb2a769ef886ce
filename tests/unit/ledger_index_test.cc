// SPDX-License-Identifier: MIT
//
// The hash index and the size of things: many names, a million records, growth over several levels.
#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "support.h"

using namespace leakshim;
using namespace leakshim::ledger;
using namespace leakshim::test;

namespace {

Handle add_path(const Author& author, Str name, u64 inode) {
    Handle handle = begin_named(author, Kind::temp_dir, name);
    commit_named(author, handle, FileId{1, inode, 3, 4});
    return handle;
}

/// The n-th of many names.
struct Name {
    explicit Name(u32 n) { text.add("/tmp/pytest-of-you/").add_decimal(n); }
    operator Str() const { return text.str(); }
    Text<64> text;
};

u32 index_levels(TestLedger& ledger) {
    u32 levels = 0;
    while (levels < kIndexLevels && ledger->header()->index_level[levels] != 0)
        ++levels;
    return levels;
}

Handle add_socket(TestLedger& ledger, Author& author) {
    Handle handle = ledger->allocate(author.lease, Kind::socket, 0);
    ledger->publish(*ledger->at(handle), State::live);
    return handle;
}

}  // namespace

TEST_CASE("an_entry_is_found_until_it_is_removed") {
    TestLedger ledger;
    Author author = ledger.author();
    Handle handle = add_socket(ledger, author);
    u64 hash = hash_text("some key");
    auto found = [&] {
        return ledger->index_find(hash, [&](Handle candidate, Record&) { return candidate == handle; });
    };
    CHECK(found() == 0);
    ledger->index_insert(hash, handle);
    CHECK(found() == handle);
    ledger->index_remove(hash ^ 1, handle);
    CHECK(found() == handle);
    ledger->index_remove(hash, handle);
    CHECK(found() == 0);
}

TEST_CASE("an_entry_whose_record_was_freed_is_not_found_and_its_place_is_used_again") {
    TestLedger ledger;
    Author author = ledger.author();
    u32 levels = index_levels(ledger);
    // A SIGKILL between freeing a record and clearing its entry leaves this; a thousand times under one hash.
    for (int i = 0; i < 1000; ++i) {
        Handle handle = add_socket(ledger, author);
        ledger->index_insert(hash_text("key"), handle);
        ledger->release(author.lease, handle);
    }
    CHECK(index_levels(ledger) == levels);
    auto anything = [](Handle, Record& record) { return state_of(record) == State::live; };
    CHECK(ledger->index_find(hash_text("key"), anything) == 0);
}

TEST_CASE("many_records_under_one_hash_are_told_apart") {
    TestLedger ledger;
    std::vector<Handle> all;
    // Beyond one bucket in each level the index gives up, and says so.
    for (u64 inode = 1; inode <= 60; ++inode)
        all.push_back(add_path(ledger.author(), "/tmp/one", inode));
    CHECK(ledger.counter(Counter::unindexed) > 0);
    CHECK(index_levels(ledger) >= 3);
    for (Handle handle : all)
        release_persistent(ledger.author(), handle);
    CHECK(find_named(*ledger, Kind::temp_dir, "/tmp/one") == 0);
    CHECK(audit(ledger.path()).empty());
}

TEST_CASE("three_hundred_thousand_names_are_found_and_removed_in_any_order") {
    TestLedger ledger;
    constexpr u32 kCount = 300'000;
    std::vector<Handle> handles(kCount);
    for (u32 i = 0; i < kCount; ++i) {
        handles[i] = add_path(ledger.author(), Name(i), i);
        if (handles[i] == 0) FAIL("no room for record " << i);
    }
    CHECK(index_levels(ledger) >= 3);
    CHECK(ledger.counter(Counter::unindexed) == 0);
    u32 wrong = 0;
    for (u32 i = 0; i < kCount; ++i)
        wrong += find_named(*ledger, Kind::temp_dir, Name(i)) != handles[i];
    CHECK(wrong == 0);
    CHECK(find_named(*ledger, Kind::temp_dir, Name(kCount)) == 0);

    for (u32 i = 0; i < kCount; i += 2)
        release_persistent(ledger.author(), handles[i]);
    for (u32 i = 0; i < kCount; ++i) {
        Handle expected = i % 2 == 0 ? 0 : handles[i];
        wrong += find_named(*ledger, Kind::temp_dir, Name(i)) != expected;
    }
    CHECK(wrong == 0);
    u32 chunks = ledger->header()->next_chunk;
    for (u32 i = 0; i < kCount; i += 2)
        handles[i] = add_path(ledger.author(), Name(i), i);
    for (u32 i = 0; i < kCount; ++i)
        wrong += find_named(*ledger, Kind::temp_dir, Name(i)) != handles[i];
    CHECK(wrong == 0);
    // The room of the released is found again, but for a little when nearly all of it is taken.
    CHECK(ledger->header()->next_chunk <= chunks + chunks / 20);
    CHECK(audit(ledger.path()).empty());
}

TEST_CASE("a_million_records_are_kept_and_read_back") {
    TestLedger ledger;
    constexpr u32 kCount = 1'000'000;
    Author author = ledger.author();
    for (u32 i = 0; i < kCount; ++i) {
        Handle handle = ledger->allocate(author.lease, Kind::eventfd, 0);
        if (handle == 0) FAIL("no room for record " << i);
        Record& record = *ledger->at(handle);
        record.owner = author.process;
        record.number = static_cast<i32>(i);
        ledger->publish(record, State::live);
    }
    int fd = open(ledger.path().c_str(), O_RDONLY | O_CLOEXEC);
    FileSource source(fd);
    auto header = std::make_unique<Header>();
    REQUIRE(read_header(source, *header) == Verdict::ok);
    auto walker = std::make_unique<Walker>(source, *header);
    std::vector<bool> seen(kCount);
    u32 twice = 0, count = 0;
    for (Entry entry; walker->next(entry);) {
        if (entry.kind != Kind::eventfd) continue;
        auto number = static_cast<u32>(entry.number);
        twice += number >= kCount || seen[number];
        if (number < kCount) seen[number] = true;
        ++count;
    }
    close(fd);
    CHECK(count == kCount);
    CHECK(twice == 0);
    CHECK(walker->broken() == 0);
}
