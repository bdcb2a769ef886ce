// SPDX-License-Identifier: MIT
//
// Processes whose death nobody sees, and those beside them whose records must stay.
#include "departures.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "support.h"

using namespace leakshim;
using namespace leakshim::ledger;
using namespace leakshim::test;

namespace {

/// The pid of a process that is dead and waited for.
pid_t dead_pid() {
    pid_t pid = start_child([] { return 0; });
    wait_for(pid);
    return pid;
}

Handle add(TestLedger& ledger, pid_t pid, Handle parent = 0, int ppid = 1, u8 flags = 0) {
    NewProcess process;
    process.pid = pid;
    process.ppid = ppid;
    process.parent = parent;
    process.flags = flags;
    process.command = Str("true\0", 5);
    return add_process(ledger.author(), process);
}

/// As many leave as it takes for the one that left first to be looked after.
void let_many_leave(TestLedger& ledger, pid_t pid) {
    for (u32 i = 0; i < kDepartures; ++i)
        note_departure(ledger.author(), add(ledger, pid));
}

u32 live_processes(TestLedger& ledger) {
    std::string faults;
    u32 count = 0;
    for (const OwnedEntry& entry : read_ledger(ledger.path(), faults))
        count += entry.kind == Kind::process && entry.state == State::live;
    CHECK(faults.empty());
    return count;
}

}  // namespace

TEST_CASE("of_a_thousand_that_nobody_saw_die_the_last_few_are_on_record") {
    TestLedger ledger;
    pid_t dead = dead_pid();
    for (int i = 0; i < 1000; ++i)
        note_departure(ledger.author(), add(ledger, dead));
    CHECK(live_processes(ledger) == kDepartures + 1);
    CHECK(audit(ledger.path()).empty());
}

TEST_CASE("one_that_hangs_on_its_way_out_stays_on_record") {
    TestLedger ledger;
    pid_t hanging = start_child([] { return pause(); });
    Handle handle = add(ledger, hanging);
    note_departure(ledger.author(), handle);
    let_many_leave(ledger, dead_pid());
    CHECK(find_process(*ledger, hanging) == handle);
    kill(hanging, SIGKILL);
    wait_for(hanging);
}

TEST_CASE("a_zombie_stays_on_record") {
    TestLedger ledger;
    pid_t zombie = start_child([] { return 0; });
    siginfo_t info;
    REQUIRE(waitid(P_PID, static_cast<id_t>(zombie), &info, WEXITED | WNOWAIT) == 0);
    Handle handle = add(ledger, zombie);
    note_departure(ledger.author(), handle);
    let_many_leave(ledger, 1);
    CHECK(find_process(*ledger, zombie) == handle);
    wait_for(zombie);
}

TEST_CASE("who_has_the_line_of_one_that_left_is_not_taken_for_it") {
    TestLedger ledger;
    pid_t dead = dead_pid();
    Handle left = add(ledger, dead);
    note_departure(ledger.author(), left);
    end_process(ledger.author(), left, 0);
    // Whoever comes next gets the line; its process is dead as well, but it has not said that it leaves.
    Handle next = add(ledger, dead, ledger.process(), getpid());
    REQUIRE(next == left);
    let_many_leave(ledger, 1);
    CHECK(find_process(*ledger, dead) == next);
}

TEST_CASE("who_has_a_parent_with_hooks_is_left_to_it") {
    TestLedger ledger;
    pid_t dead = dead_pid();
    u32 before = ledger->header()->departed;
    note_departure(ledger.author(), add(ledger, dead, ledger.process(), getpid()));
    CHECK(ledger->header()->departed == before);

    SECTION("and not to one that has gone") {
        Handle parent = add(ledger, dead);
        Handle child = add(ledger, dead, parent, dead);
        end_process(ledger.author(), parent, 0);
        note_departure(ledger.author(), child);
        CHECK(ledger->header()->departed == before + 1);
    }
    SECTION("nor to one that runs a program without") {
        Handle parent = add(ledger, dead, ledger.process(), getpid(), flag::kBlind);
        note_departure(ledger.author(), add(ledger, dead, parent, dead));
        CHECK(ledger->header()->departed == before + 1);
    }
}

TEST_CASE("a_damaged_list_of_departures_ends_nothing") {
    TestLedger ledger;
    pid_t dead = dead_pid();
    Handle path = begin_named(ledger.author(), Kind::temp_dir, "/tmp/x");
    for (u64 word : {~u64{0}, u64{path}, u64{1} << 32 | path, u64{ledger.process()}, u64{0xffffff00}}) {
        for (auto& place : ledger->header()->departures)
            place = word;
        note_departure(ledger.author(), add(ledger, dead));
    }
    CHECK(find_process(*ledger, getpid()) == ledger.process());
    CHECK(live_processes(ledger) == 6);
    CHECK(audit(ledger.path()).empty());
}
