// SPDX-License-Identifier: MIT
//
// Scopes and places in sources as records: which scope a name means, and what a scope knows of what is in it.
#include <catch2/catch.hpp>

#include "records.h"
#include "support.h"

using namespace leakshim;
using namespace leakshim::ledger;
using namespace leakshim::test;

namespace {

u64 live_in_scope(TestLedger& ledger, Handle scope) {
    return live_in(*ledger->at(scope)).load();
}

Handle make_in(TestLedger& ledger, Handle scope, Str name) {
    Author author = ledger.author();
    author.scope = scope;
    Handle handle = begin_named(author, Kind::temp_dir, name);
    commit_named(author, handle, FileId{1, 2, 3, 4});
    return handle;
}

}  // namespace

TEST_CASE("a_scope_left_empty_is_taken_again_by_its_name") {
    TestLedger ledger;
    Handle first = begin_scope(ledger.author(), "a test", 0);
    REQUIRE(first != 0);
    CHECK(intern_scope(ledger.author(), "a test") == first);
    end_scope(*ledger, first, false);
    CHECK(begin_scope(ledger.author(), "a test", 0) == first);
}

TEST_CASE("a_scope_that_somebody_is_in_is_not_taken_by_another") {
    TestLedger ledger;
    Handle first = begin_scope(ledger.author(), "a test", 0);
    Handle second = begin_scope(ledger.author(), "a test", 0);
    CHECK(second != 0);
    CHECK(second != first);
}

TEST_CASE("a_scope_with_something_in_it_is_not_taken_again") {
    TestLedger ledger;
    Handle first = begin_scope(ledger.author(), "a test", 0);
    Handle left = make_in(ledger, first, "/tmp/left");
    end_scope(*ledger, first, false);
    CHECK(begin_scope(ledger.author(), "a test", 0) != first);
    CHECK(ledger->at(left)->scope == first);
}

TEST_CASE("a_spent_scope_keeps_its_name_for_what_is_in_it_and_is_found_no_more") {
    TestLedger ledger;
    Handle first = begin_scope(ledger.author(), "a test", 0);
    end_scope(*ledger, first, true);
    CHECK(name_of(*ledger->at(first)) == "a test");
    CHECK(intern_scope(ledger.author(), "a test") != first);
}

TEST_CASE("a_scope_knows_how_much_lives_in_it") {
    TestLedger ledger;
    Handle scope = begin_scope(ledger.author(), "a test", 0);
    Author author = ledger.author();
    author.scope = scope;
    CHECK(live_in_scope(ledger, scope) == 0);
    Handle directory = make_in(ledger, scope, "/tmp/a");
    Handle intent = begin_named(author, Kind::temp_dir, "/tmp/b");
    NewProcess child;
    child.pid = 4711;
    Handle process = add_process(author, child);
    Handle segment = add_sysv(author, Kind::sysv_shm, 7, 8, 9, 10);
    CHECK(live_in_scope(ledger, scope) == 4);
    Handle renamed = begin_rename(author, directory, "/tmp/c");
    commit_rename(author, directory, renamed);
    CHECK(live_in_scope(ledger, scope) == 4);
    for (Handle handle : {renamed, intent, segment})
        release_persistent(author, handle);
    CHECK(live_in_scope(ledger, scope) == 1);
    end_process(author, process, 0);
    end_process(author, process, 0);
    CHECK(live_in_scope(ledger, scope) == 0);
}

TEST_CASE("equal_stacks_are_one_and_those_with_another_site_are_not") {
    TestLedger ledger;
    Author author = ledger.author();
    Handle module = intern_module(author, "0123abcd /usr/bin/suite");
    CHECK(intern_module(author, "0123abcd /usr/bin/suite") == module);
    CHECK(intern_module(author, "0123abce /usr/bin/suite") != module);
    Handle site = intern_site(author, "a.py:1");
    Handle stack = intern_stack(author, "AAAA", 0);
    CHECK(intern_stack(author, "AAAA", 0) == stack);
    CHECK(intern_stack(author, "AAAB", 0) != stack);
    Handle said = intern_stack(author, "AAAA", site);
    CHECK(said != stack);
    CHECK(intern_stack(author, "AAAA", site) == said);
    CHECK(ledger->at(said)->c == site);
    for (Handle text : {module, stack, said})
        CHECK(scope_at(*ledger, text) == nullptr);
}

TEST_CASE("a_place_in_a_source_is_no_scope_of_the_same_text") {
    TestLedger ledger;
    Handle site = intern_site(ledger.author(), "a.c:1");
    CHECK(intern_site(ledger.author(), "a.c:1") == site);
    CHECK(intern_site(ledger.author(), "a.c:2") != site);
    CHECK(intern_scope(ledger.author(), "a.c:1") != site);
    CHECK(scope_at(*ledger, site) == nullptr);
    CHECK(name_of(*ledger->at(site)) == "a.c:1");
}
