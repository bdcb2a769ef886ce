// SPDX-License-Identifier: MIT
//
// Records by kind: intents, names, renames, processes that outlive their records and the other way round,
// scopes.
#include "records.h"

#include <string.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "kinds.h"
#include "support.h"

using namespace leakshim;
using namespace leakshim::ledger;
using namespace leakshim::test;

namespace {

Handle add_path(const Author& author, Str name) {
    Handle handle = begin_named(author, Kind::temp_dir, name);
    commit_named(author, handle, FileId{1, 2, 3, 4});
    return handle;
}

Handle add_child(TestLedger& ledger, int pid) {
    NewProcess process;
    process.pid = pid;
    process.parent = ledger.process();
    process.command =
        Str("sleep\0"
            "60\0",
            9);
    return add_process(ledger.author(), process);
}

}  // namespace

TEST_CASE("an_intent_is_no_live_record_until_it_is_committed") {
    TestLedger ledger;
    Author author = ledger.author();
    Handle handle = begin_named(author, Kind::temp_dir, "/tmp/x", flag::kByName);
    REQUIRE(handle != 0);
    CHECK(state_of(*ledger->at(handle)) == State::intent);
    CHECK(find_named(*ledger, Kind::temp_dir, "/tmp/x") == 0);

    commit_named(author, handle, FileId{1, 2, 3, 4});
    CHECK(find_named(*ledger, Kind::temp_dir, "/tmp/x") == handle);
    CHECK(file_id_of(*ledger->at(handle)) == FileId{1, 2, 3, 4});
    CHECK(ledger->at(handle)->flags == flag::kByName);
    CHECK(ledger.counter(Counter::records) == 1);
}

TEST_CASE("an_intent_that_came_to_nothing_is_taken_back") {
    TestLedger ledger;
    Author author = ledger.author();
    Handle handle = begin_named(author, Kind::temp_dir, "/tmp/x");
    release_persistent(author, handle);
    std::string faults;
    CHECK(read_ledger(ledger.path(), faults).size() == 1);
    CHECK(ledger.counter(Counter::records) == 0);
}

TEST_CASE("paths_share_one_name_space_and_each_kind_of_ipc_has_its_own") {
    TestLedger ledger;
    Author author = ledger.author();
    Handle path = begin_named(author, Kind::unix_socket, "/same");
    commit_named(author, path, FileId{1, 2, 3, 4});
    CHECK(find_named(*ledger, Kind::temp_dir, "/same") == path);
    CHECK(find_named(*ledger, Kind::posix_shm, "/same") == 0);
    Handle shm = begin_named(author, Kind::posix_shm, "/same");
    commit_named(author, shm, FileId{});
    CHECK(find_named(*ledger, Kind::posix_shm, "/same") == shm);
    CHECK(find_named(*ledger, Kind::named_semaphore, "/same") == 0);
    CHECK(find_named(*ledger, Kind::temp_file, "/same") == path);
}

TEST_CASE("a_stale_handle_never_releases_a_newer_record") {
    TestLedger ledger;
    Author author = ledger.author();
    Handle old = begin_named(author, Kind::temp_dir, "/tmp/same-name");
    commit_named(author, old, FileId{1, 2, 3, 4});
    u32 generation = generation_of(*ledger->at(old));
    release_persistent(author, old, generation);
    Handle newer = begin_named(author, Kind::temp_dir, "/tmp/same-name");
    commit_named(author, newer, FileId{1, 2, 3, 5});
    REQUIRE(newer == old);

    release_persistent(author, old, generation);
    CHECK(find_named(*ledger, Kind::temp_dir, "/tmp/same-name") == newer);
    CHECK(state_of(*ledger->at(newer)) == State::live);
}

TEST_CASE("a_renamed_record_keeps_what_it_was") {
    TestLedger ledger;
    Author author = ledger.author();
    author.scope = intern_scope(author, "test_a");
    author.now = 12345;
    Handle old = begin_named(author, Kind::temp_file, "/tmp/before", flag::kByName);
    commit_named(author, old, FileId{1, 2, 3, 4});

    Author later = ledger.author();
    later.scope = intern_scope(later, "test_b");
    Handle renamed = begin_rename(later, old, "/tmp/after");
    CHECK(state_of(*ledger->at(renamed)) == State::intent);
    CHECK(find_named(*ledger, Kind::temp_dir, "/tmp/before") == old);
    commit_rename(later, old, renamed);
    REQUIRE(renamed != 0);
    CHECK(find_named(*ledger, Kind::temp_file, "/tmp/before") == 0);
    CHECK(find_named(*ledger, Kind::temp_file, "/tmp/after") == renamed);
    const Record& record = *ledger->at(renamed);
    CHECK(record.scope == author.scope);
    CHECK(record.born == 12345);
    CHECK(record.owner == ledger.process());
    CHECK(record.flags == flag::kByName);
    CHECK(record.kind == Kind::temp_file);
    CHECK(file_id_of(record) == FileId{1, 2, 3, 4});
}

TEST_CASE("system_v_objects_are_found_by_kind_and_id") {
    TestLedger ledger;
    Author author = ledger.author();
    Handle queue = add_sysv(author, Kind::sysv_msg, 5, 0xabc, 100, 200);
    Handle memory = add_sysv(author, Kind::sysv_shm, 5, 0, 100, 200);
    CHECK(find_sysv(*ledger, Kind::sysv_msg, 5) == queue);
    CHECK(find_sysv(*ledger, Kind::sysv_shm, 5) == memory);
    CHECK(find_sysv(*ledger, Kind::sysv_sem, 5) == 0);
    release_persistent(author, queue);
    CHECK(find_sysv(*ledger, Kind::sysv_msg, 5) == 0);
    CHECK(find_sysv(*ledger, Kind::sysv_shm, 5) == memory);
}

TEST_CASE("a_system_v_object_about_to_be_made_is_an_intent_with_its_key_and_no_id") {
    TestLedger ledger;
    Author author = ledger.author();
    Handle made = begin_sysv(author, Kind::sysv_sem, 0xabc);
    Handle refused = begin_sysv(author, Kind::sysv_sem, 0xabc);
    REQUIRE(made != 0);
    CHECK(state_of(*ledger->at(made)) == State::intent);
    CHECK(ledger->at(made)->number == kNoIpcId);
    CHECK(ledger->at(made)->a == 0xabc);
    CHECK(find_sysv(*ledger, Kind::sysv_sem, kNoIpcId) == 0);
    CHECK(ledger.counter(Counter::records) == 0);

    commit_sysv(author, made, 7, 100, 0);
    release_persistent(author, refused);
    CHECK(find_sysv(*ledger, Kind::sysv_sem, 7) == made);
    CHECK(state_of(*ledger->at(made)) == State::live);
    CHECK(ledger->at(made)->b == 100);
    CHECK(ledger.counter(Counter::records) == 1);
    std::string faults;
    CHECK(read_ledger(ledger.path(), faults).size() == 2);
}

TEST_CASE("only_roots_session_has_members_beside_its_owner") {
    TestLedger ledger;
    Header& header = *ledger->header();
    header.uid = 0;
    CHECK(is_member(header, 0));
    CHECK_FALSE(is_member(header, 101));
    for (u32 uid = 100; uid < 120; ++uid)
        add_member(header, uid);
    add_member(header, 101);
    CHECK(is_member(header, 101));
    CHECK_FALSE(is_member(header, 119));  // there is room for a few only
    header.uid = 1000;
    CHECK(is_member(header, 1000));
    CHECK_FALSE(is_member(header, 101));
    CHECK_FALSE(is_member(header, 0));
}

TEST_CASE("a_title_in_place_of_a_command_line_is_kept_without_its_padding") {
    TestLedger ledger;
    auto command_of = [&](Str command) {
        NewProcess process;
        process.pid = 4242;
        process.command = command;
        auto* tail = tail_of<ProcessTail>(*ledger->at(add_process(ledger.author(), process)));
        return std::string(tail->command, tail->command_size);
    };
    CHECK(command_of(Str("title \0\0\0\0", 10)) == std::string("title \0", 7));
    CHECK(command_of(Str("echo\0a\0\0", 8)) == std::string("echo\0a\0\0", 8));
    CHECK(command_of(Str("echo\0", 5)) == std::string("echo\0", 5));
    CHECK(command_of(Str("\0\0\0", 3)) == std::string("\0", 1));
    CHECK(command_of("") == "");
}

TEST_CASE("a_dead_process_stays_as_long_as_something_it_made_does") {
    TestLedger ledger;
    Handle child = add_child(ledger, 4242);
    Author as_child = ledger.author();
    as_child.process = child;
    Handle path = begin_named(as_child, Kind::temp_dir, "/tmp/of-the-child");
    commit_named(as_child, path, FileId{1, 2, 3, 4});

    end_process(ledger.author(), child, 0x100);
    CHECK(find_process(*ledger, 4242) == 0);
    CHECK(state_of(*ledger->at(child)) == State::ended);
    CHECK(tail_of<ProcessTail>(*ledger->at(child))->exit_status == 0x100);

    release_persistent(ledger.author(), path);
    CHECK(state_of(*ledger->at(child)) == State::free);
}

TEST_CASE("a_process_is_ended_once") {
    TestLedger ledger;
    Handle child = add_child(ledger, 4242);
    end_process(ledger.author(), child, 0);
    Handle newer = add_child(ledger, 4343);
    REQUIRE(newer == child);
    // Whoever waited second for 4242 does not find it, and has no handle to end the newer one with.
    CHECK(find_process(*ledger, 4242) == 0);
    CHECK(find_process(*ledger, 4343) == newer);
}

TEST_CASE("a_command_line_is_replaced_after_an_exec_and_cut_to_its_room") {
    TestLedger ledger;
    Handle child = add_child(ledger, 4242);
    set_command(*ledger->at(child), Str("python3\0-m\0pytest\0", 18));
    std::string faults;
    auto find = [&] {
        for (const OwnedEntry& entry : read_ledger(ledger.path(), faults)) {
            if (entry.handle == child) return entry.words;
        }
        return std::string("not found");
    };
    CHECK(find() == std::string("python3\0-m\0pytest\0", 18));
    std::string huge(100'000, 'y');
    set_command(*ledger->at(child), huge);
    std::string kept = find();
    CHECK(kept.size() >= 256);
    CHECK(kept.size() < 400);
    CHECK(kept == huge.substr(0, kept.size()));
    CHECK(faults.empty());
}

TEST_CASE("images_of_processes_differ") {
    TestLedger ledger;
    u32 first = next_image(*ledger);
    CHECK(next_image(*ledger) != first);
}

TEST_CASE("a_scope_has_one_record_for_all_who_enter_it") {
    TestLedger ledger;
    Author author = ledger.author();
    Handle scope = intern_scope(author, "tests/test_a.py::test_b[c d]");
    CHECK(intern_scope(author, "tests/test_a.py::test_b[c d]") == scope);
    CHECK(intern_scope(author, "tests/test_a.py::test_c") != scope);
    CHECK(name_of(*ledger->at(scope)) == "tests/test_a.py::test_b[c d]");
}

TEST_CASE("a_scope_with_an_endless_name_is_cut_and_still_found_again") {
    TestLedger ledger;
    std::string name(10'000, 'n');
    Handle scope = intern_scope(ledger.author(), name);
    REQUIRE(scope != 0);
    CHECK(intern_scope(ledger.author(), name) == scope);
}

TEST_CASE("a_text_that_looks_like_a_record_names_nothing_beyond_its_chunk") {
    TestLedger ledger;
    Author author = ledger.author();
    // A stale entry of the index may lead into it. The second line of the text is a live path of 255 lines
    // with a name of 15,000 bytes, which would lie in the next chunks, or beyond the last one that is mapped.
    std::string name(200, 'x');
    size_t second_line = kLineSize - kTextTailFixed;
    name[second_line] = static_cast<char>(State::live);
    name[second_line + offsetof(Record, kind)] = static_cast<char>(Kind::temp_dir);
    name[second_line + offsetof(Record, lines)] = static_cast<char>(255);
    u16 size = 15'000;
    memcpy(&name[second_line + kLineSize], &size, sizeof size);
    Handle handle = begin_named(author, Kind::temp_dir, name);
    Record& false_record = *ledger->at(handle + 2);
    REQUIRE(false_record.kind == Kind::temp_dir);
    REQUIRE(false_record.lines == 255);
    CHECK(name_of(false_record).empty());
}

TEST_CASE("every_kind_has_a_name_that_leads_back_to_it") {
    int known = 0;
    for (int number = 1; number < 256; ++number) {
        auto kind = static_cast<Kind>(number);
        if (kind_name(kind) == "unknown") continue;
        ++known;
        Kind back = Kind::none;
        CHECK(kind_from_name(kind_name(kind), back));
        CHECK(back == kind);
        CHECK_FALSE(kind_title(kind).empty());
        CHECK(kind_title(kind) != "unknown");
    }
    CHECK(known == 26);
    Kind kind = Kind::none;
    CHECK(kind_from_name("listening_port", kind));
    CHECK(kind == Kind::socket);
    CHECK_FALSE(kind_from_name("no_such_kind", kind));
}

TEST_CASE("every_state_outcome_and_counter_has_a_name") {
    for (int state = 0; state <= static_cast<int>(State::gone); ++state) {
        CHECK(state_name(static_cast<State>(state)) != "unknown");
    }
    CHECK(state_name(static_cast<State>(200)) == "unknown");
    for (u32 counter = 0; counter < kCounters; ++counter) {
        CHECK_FALSE(counter_name(static_cast<Counter>(counter)).empty());
    }
    CHECK(counter_name(Counter::count) == "unknown");
    for (int outcome = 1; outcome <= static_cast<int>(kLastOutcome); ++outcome) {
        CHECK(outcome_name(static_cast<Outcome>(outcome)) != "none");
        CHECK_FALSE(outcome_text(static_cast<Outcome>(outcome)).empty());
    }
    CHECK(ended_by_name(EndedBy::quick_exit) == "quick_exit");
    CHECK(ended_by_name(static_cast<EndedBy>(77)) == "unknown");
}

TEST_CASE("a_last_part_that_no_path_ever_had_need_not_be_looked_for") {
    TestLedger ledger;
    CHECK_FALSE(may_be_recorded(*ledger->header(), "socket"));
    Handle handle = add_path(ledger.author(), "/tmp/run/socket");
    REQUIRE(handle != 0);
    CHECK(may_be_recorded(*ledger->header(), "socket"));
    CHECK_FALSE(may_be_recorded(*ledger->header(), "run"));
    // Another may have the same hash: a bit stays for ever.
    release_persistent(ledger.author(), handle);
    CHECK(may_be_recorded(*ledger->header(), "socket"));
}

TEST_CASE("every_recorded_path_may_be_found_by_its_last_part_under_its_new_name_too") {
    TestLedger ledger;
    for (int i = 0; i < 5000; ++i) {
        std::string part = "part-" + std::to_string(i);
        Handle handle = add_path(ledger.author(), "/tmp/" + part);
        REQUIRE(handle != 0);
        CHECK(may_be_recorded(*ledger->header(), part));
        Handle renamed = begin_rename(ledger.author(), handle, "/tmp/new-" + part);
        REQUIRE(renamed != 0);
        commit_rename(ledger.author(), handle, renamed);
        CHECK(may_be_recorded(*ledger->header(), "new-" + part));
        release_persistent(ledger.author(), renamed);
    }
    int others = 0;
    for (int i = 0; i < 1000; ++i)
        others += may_be_recorded(*ledger->header(), "other-" + std::to_string(i)) ? 1 : 0;
    CHECK(others < 700);  // 10,000 names in 16,384 bits: some 46 in 100 by chance
}
