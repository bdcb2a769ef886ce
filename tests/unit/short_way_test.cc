// SPDX-License-Identifier: MIT
//
// The short way to records of one line, and words that change without a locked instruction.
#include <signal.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "alone.h"
#include "fd_table.h"
#include "support.h"

using namespace leakshim;
using namespace leakshim::ledger;
using namespace leakshim::test;

namespace {

Handle lease_a_chunk(TestLedger& ledger) {
    Author author = ledger.author();
    return add_sysv(author, Kind::sysv_shm, 1, 0, 0, 0);
}

TakenLine take_published(TestLedger& ledger, int fd) {
    TakenLine taken = Ledger::take_line(ledger.lease(), Kind::pipe, flag::kWriteEnd);
    REQUIRE(taken.record != nullptr);
    taken.record->owner = ledger.process();
    taken.record->scope = taken.record->site = 0;
    taken.record->number = fd;
    Ledger::publish(*taken.record, taken.word, State::live);
    return taken;
}

bool is_seen(TestLedger& ledger, int fd) {
    std::string faults;
    bool seen = false;
    for (const OwnedEntry& entry : read_ledger(ledger.path(), faults))
        seen = seen || (entry.kind == Kind::pipe && entry.number == fd);
    CHECK(faults.empty());
    return seen;
}

/// Out of line: where gcc sees that nothing is leased it warns of what is never reached then.
[[gnu::noinline]] void check_closed(ThreadLease& lease, const TakenLine& taken) {
    CHECK(Ledger::take_line(lease, Kind::pipe, 0).record == nullptr);
    CHECK_FALSE(Ledger::release_line<true>(lease, taken.handle, *taken.record));
    CHECK_FALSE(Ledger::release_line<false>(lease, taken.handle, *taken.record));
}

std::atomic<u32> counted{0};

template <bool alone>
void count_one() {
    for (;;) {
        u32 seen = counted.load(std::memory_order_relaxed);
        if (replace<alone>(counted, seen, seen + 1)) return;
    }
}

std::atomic<u32> signals{0};

void on_signal(int) {
    count_one<true>();
    signals.fetch_add(1);
}

}  // namespace

TEST_CASE("a_line_taken_the_short_way_is_a_record_like_any_other_once_it_is_published") {
    TestLedger ledger;
    REQUIRE(lease_a_chunk(ledger) != 0);
    TakenLine taken = Ledger::take_line(ledger.lease(), Kind::pipe, flag::kWriteEnd);
    REQUIRE(taken.record != nullptr);
    CHECK(ledger->at(taken.handle) == taken.record);
    CHECK(state_of(*taken.record) == State::free);
    CHECK_FALSE(is_seen(ledger, 0));
    taken.record->number = 71;
    taken.record->owner = ledger.process();
    Ledger::publish(*taken.record, taken.word, State::live);
    CHECK(taken.record->lines == 1);
    CHECK(taken.record->kind == Kind::pipe);
    CHECK(taken.record->flags == flag::kWriteEnd);
    CHECK(taken.record->outcome == Outcome::none);
    CHECK(is_seen(ledger, 71));
    REQUIRE(Ledger::release_line<false>(ledger.lease(), taken.handle, *taken.record));
    CHECK_FALSE(is_seen(ledger, 71));
    CHECK(lost_lines(ledger.path()) == 0);
}

TEST_CASE("a_line_given_back_the_short_way_is_taken_anew_under_another_generation") {
    TestLedger ledger;
    REQUIRE(lease_a_chunk(ledger) != 0);
    TakenLine first = take_published(ledger, 5);
    u32 generation = generation_of(*first.record);
    REQUIRE(Ledger::release_line<true>(ledger.lease(), first.handle, *first.record));
    TakenLine second = take_published(ledger, 6);
    CHECK(second.handle == first.handle);
    CHECK(generation_of(*second.record) != generation);
    CHECK_FALSE(ledger->release(ledger.lease(), first.handle, generation));
    CHECK(is_seen(ledger, 6));
}

TEST_CASE("the_short_way_is_closed_while_the_allocator_is_in_use_and_where_nothing_is_leased") {
    TestLedger ledger;
    REQUIRE(lease_a_chunk(ledger) != 0);
    TakenLine taken = take_published(ledger, 5);
    ledger.lease().busy = 1;
    check_closed(ledger.lease(), taken);
    ledger.lease().busy = 0;
    ThreadLease other = ledger.thread_lease();
    check_closed(other, taken);
    CHECK(is_seen(ledger, 5));
}

TEST_CASE("what_was_released_by_somebody_else_is_not_released_again_the_short_way") {
    TestLedger ledger;
    REQUIRE(lease_a_chunk(ledger) != 0);
    TakenLine taken = take_published(ledger, 5);
    REQUIRE(ledger->release(ledger.lease(), taken.handle));
    CHECK_FALSE(Ledger::release_line<true>(ledger.lease(), taken.handle, *taken.record));
    CHECK_FALSE(Ledger::release_line<false>(ledger.lease(), taken.handle, *taken.record));
    CHECK(audit(ledger.path()).empty());
}

TEST_CASE("a_full_chunk_gives_no_line_and_no_line_is_lost") {
    TestLedger ledger;
    REQUIRE(lease_a_chunk(ledger) != 0);
    u32 chunk = ledger.lease().chunk;
    int taken = 0;
    while (Ledger::take_line(ledger.lease(), Kind::pipe, 0).record != nullptr)
        REQUIRE(++taken < static_cast<int>(kLinesPerChunk));
    CHECK(taken > 0);
    CHECK(ledger.lease().chunk == chunk);
    CHECK(ledger.lease().busy == 0);
}

TEST_CASE("the_header_of_a_damaged_chunk_is_not_taken_for_a_record") {
    TestLedger ledger;
    REQUIRE(lease_a_chunk(ledger) != 0);
    ledger.lease().memory->used = 0;
    TakenLine taken = Ledger::take_line(ledger.lease(), Kind::pipe, 0);
    CHECK(line_of(taken.handle) == 1);
    CHECK(ledger->at(taken.handle) == taken.record);
}

TEST_CASE("what_stands_for_a_descriptor_that_is_being_retired_is_near_nobody") {
    TestLedger ledger;
    CHECK(ledger->at(hooks::kBeingRetired) == nullptr);
    ThreadLease without_a_chunk = ledger.thread_lease();
    CHECK_FALSE(without_a_chunk.is_idle_at(chunk_of(hooks::kBeingRetired)));
    REQUIRE(lease_a_chunk(ledger) != 0);
    CHECK_FALSE(ledger.lease().is_idle_at(chunk_of(hooks::kBeingRetired)));
}

TEST_CASE("no_change_is_lost_to_a_signal_handler_that_changes_the_same_word_alone") {
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = on_signal;
    REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
    counted = signals = 0;
    std::atomic<bool> ready{false}, done{false};
    u32 by_hand = 0;
    std::thread counting([&] {
        ready = true;
        while (!done) {
            for (int i = 0; i < 64; ++i, ++by_hand)
                count_one<true>();
        }
    });
    while (!ready)
        std::this_thread::yield();
    for (int sent = 0; sent < 20'000; ++sent)
        pthread_kill(counting.native_handle(), SIGUSR1);
    done = true;
    counting.join();
    sigaction(SIGUSR1, &before, nullptr);
    CHECK(signals > 0);
    CHECK(counted == by_hand + signals);
    u32 value = counted;
    CHECK_FALSE(replace_alone(counted, value + 1, 0));
    CHECK(counted == value);
}
