// SPDX-License-Identifier: MIT
//
// A writer dies by SIGKILL: at every single instruction of a record's life, at random moments by the
// thousand, and with leases in hand. What it leaves must be whole records or nothing, and the room it held
// must come back.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <map>

#include "support.h"
#include "sys.h"

using namespace leakshim;
using namespace leakshim::ledger;
using namespace leakshim::test;

namespace {

/// A name that proves that it is whole: its length and its letters follow from its number. Where a line of
/// the ledger begins in it, it looks like the record of an eventfd, which nobody here makes: whoever takes
/// text for a record finds one.
std::string proof_name(u64 number) {
    Text<32> seed;
    seed.add_hex(number);
    std::string name = "/tmp/proof-" + std::string(seed.str()) + "-";
    u64 size = hash_pair(number, 5) % 400;
    for (u64 i = 0; i < size; ++i)
        name += static_cast<char>('a' + hash_pair(number, i) % 26);
    for (size_t line = kLineSize - kTextTailFixed; line + 8 < name.size(); line += kLineSize) {
        name[line] = static_cast<char>(State::live);
        name[line + offsetof(Record, kind)] = static_cast<char>(Kind::eventfd);
        name[line + offsetof(Record, lines)] = 1;
    }
    return name;
}

FileId proof_id(u64 number) {
    return {number, hash_pair(number, 1), hash_pair(number, 2), hash_pair(number, 3)};
}

Handle add_proof(const Author& author, u64 number) {
    Handle handle = begin_named(author, Kind::temp_dir, proof_name(number));
    commit_named(author, handle, proof_id(number));
    return handle;
}

Handle add_fd(const Author& author, int fd) {
    Handle handle = author.ledger.allocate(author.lease, Kind::socket, 0);
    if (handle == 0) return 0;
    Record& record = *author.ledger.at(handle);
    record.owner = author.process;
    record.number = fd;
    record.a = hash_pair(static_cast<u64>(fd), author.process);
    author.ledger.publish(record, State::live);
    return handle;
}

/// What is not whole among the records, "" when all is.
std::string broken_records(const std::vector<OwnedEntry>& entries) {
    std::string wrong;
    for (const OwnedEntry& entry : entries) {
        if (entry.kind == Kind::temp_dir) {
            if (entry.state == State::intent) {
                if (entry.words.compare(0, 11, "/tmp/proof-") != 0) wrong += "intent " + entry.words + "; ";
            } else if (entry.words != proof_name(entry.a) || entry.file_id() != proof_id(entry.a)) {
                wrong += "path " + entry.words + "; ";
            }
        } else if (entry.kind == Kind::socket) {
            u64 expected = hash_pair(static_cast<u64>(entry.number), entry.owner);
            if (entry.a != expected) wrong += "socket " + std::to_string(entry.number) + "; ";
        } else if (entry.kind == Kind::process) {
            if (entry.words.compare(0, 10, "unit_tests") != 0) wrong += "process " + entry.words + "; ";
        } else {
            wrong += "a record that nobody made; ";
        }
    }
    return wrong;
}

std::string check_ledger(const std::string& path) {
    std::string faults;
    std::vector<OwnedEntry> entries = read_ledger(path, faults);
    return faults + broken_records(entries);
}

/// One round of all that a hook may do, with several records of different lengths.
void one_life(const Author& author, u64 number) {
    Handle socket = add_fd(author, 3);
    Handle first = add_proof(author, number);
    Handle second = add_proof(author, number + 1);
    release_persistent(author, first);
    Handle third = add_fd(author, 4);
    author.ledger.release(author.lease, socket);
    Handle fourth = add_proof(author, number + 2);
    release_persistent(author, second);
    author.ledger.release(author.lease, third);
    release_persistent(author, fourth);
}

void copy_bytes(const std::string& from, const std::string& to, size_t size) {
    std::string bytes(size, '\0');
    int fd = open(from.c_str(), O_RDONLY | O_CLOEXEC);
    bool good = pread(fd, bytes.data(), size, 0) == static_cast<ssize_t>(size);
    close(fd);
    if (!good) throw std::runtime_error("short copy of " + from);
    write_file(to, bytes);
    chmod(to.c_str(), 0600);
}

/// Goes on in a ledger in which `victim` died in the middle of something: enough records that every chunk is
/// used.
int go_on_after(const std::string& path, int victim) {
    auto ledger = std::make_unique<Ledger>();
    if (ledger->attach(path.c_str()) != 0) return 1;
    ThreadLease lease;
    Author author{*ledger, lease};
    end_process(author, find_process(*ledger, victim), 9);
    NewProcess process;
    process.pid = getpid();
    process.command = "unit_tests";
    author.process = add_process(author, process);
    if (author.process == 0) return 2;
    lease.process = author.process;
    std::map<Handle, u64> made;
    for (u64 number = 1000; number < 1150; ++number) {
        Handle handle = add_proof(author, number);
        if (handle == 0 || !made.emplace(handle, number).second) return 3;
    }
    for (auto [handle, number] : made) {
        if (find_named(*ledger, Kind::temp_dir, proof_name(number)) != handle) return 4;
    }
    return check_ledger(path).empty() ? 0 : 5;
}

constexpr size_t kSmallLedger = 1 << 20;

/// A ledger of one segment, so that it can be copied thousands of times.
std::unique_ptr<TestLedger> small_ledger() {
    struct rlimit before {};
    getrlimit(RLIMIT_FSIZE, &before);
    struct rlimit small = before;
    small.rlim_cur = kSmallLedger;
    setrlimit(RLIMIT_FSIZE, &small);
    auto ledger = std::make_unique<TestLedger>();
    setrlimit(RLIMIT_FSIZE, &before);
    return ledger;
}

}  // namespace

TEST_CASE("killed_at_any_single_instruction_it_leaves_whole_records_or_nothing") {
    auto ledger = small_ledger();
    pid_t child = start_child([&] {
        ledger->become_child();
        // Texts of earlier records lie everywhere.
        for (u64 number = 10; number < 40; ++number)
            one_life(ledger->author(), number);
        if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) return 77;
        raise(SIGSTOP);
        one_life(ledger->author(), 1);
        raise(SIGSTOP);
        return 0;
    });
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        WARN("ptrace is not permitted here: nothing was tested");
        return;
    }
    REQUIRE(WIFSTOPPED(status));
    u32 steps = 0, recoveries = 0;
    std::string wrong;
    TempDir copies;
    std::string copy = copies / "copy.ledger";
    std::string last_bytes;
    for (; wrong.empty(); ++steps) {
        REQUIRE(ptrace(PTRACE_SINGLESTEP, child, 0, 0) == 0);
        REQUIRE(waitpid(child, &status, 0) == child);
        if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) break;
        wrong = check_ledger(ledger->path());
        // Every few steps somebody also works on with what is there.
        if (!wrong.empty() || steps % 32 != 0) continue;
        copy_bytes(ledger->path(), copy, kSmallLedger);
        int answer = in_child([&] { return go_on_after(copy, child); });
        if (!succeeded(answer)) wrong = "the next writer fails";
        ++recoveries;
    }
    kill(child, SIGKILL);
    wait_for(child);
    INFO("at step " << steps);
    CHECK(wrong == "");
    CHECK(steps > 2000);
    CHECK(recoveries > 50);
}

TEST_CASE("killed_at_random_moments_by_the_thousand_the_ledger_stays_sound") {
    TestLedger ledger;
    Random random(42);
    Author author = ledger.author();
    u64 kept = 0;
    std::string wrong;
    constexpr u32 kRounds = 2000;
    u32 killed = 0;
    for (u32 round = 0; round < kRounds && wrong.empty(); ++round) {
        pid_t child = start_child([&] {
            ledger.become_child();
            for (u64 number = round * 1000;; ++number)
                one_life(ledger.author(), number);
            return 0;
        });
        struct timespec pause {
            0, static_cast<long>(random.below(400'000))
        };
        // The survivor works meanwhile: what it makes may not be hurt by those who die.
        if (round % 10 == 0 && add_proof(author, 10'000'000 + round) != 0) ++kept;
        nanosleep(&pause, nullptr);
        kill(child, SIGKILL);
        int status = wait_for(child);
        killed += WIFSIGNALED(status);
        end_process(author, find_process(*ledger, child), status);
        if (round % 100 == 99) wrong = check_ledger(ledger.path());
    }
    CHECK(wrong == "");
    CHECK(killed == kRounds);
    for (u32 round = 0; round < kRounds; round += 10) {
        u64 number = 10'000'000 + round;
        Handle handle = find_named(*ledger, Kind::temp_dir, proof_name(number));
        if (handle == 0 || file_id_of(*ledger->at(handle)) != proof_id(number))
            wrong += std::to_string(number);
    }
    CHECK(kept == kRounds / 10);
    CHECK(wrong == "");
    // Three records of up to seven lines each may be lost by each death, with their process; not whole
    // chunks.
    CHECK(ledger->header()->next_chunk < kRounds);
}

TEST_CASE("leases_of_a_killed_process_are_taken_over_with_the_descriptors_it_had") {
    TestLedger ledger;
    constexpr int kDescriptors = 6300;
    pid_t child = start_child([&] {
        ledger.become_child();
        for (int i = 0; i < kDescriptors; ++i)
            add_fd(ledger.author(), i);
        raise(SIGKILL);
        return 0;
    });
    CHECK(WIFSIGNALED(wait_for(child)));
    u32 chunks = ledger->header()->next_chunk;
    REQUIRE(chunks > 100);
    // Whether its parent said so or nobody noticed.
    if (GENERATE(true, false)) end_process(ledger.author(), find_process(*ledger, child), 9);

    for (int i = 0; i < kDescriptors; ++i)
        REQUIRE(add_fd(ledger.author(), i) != 0);
    CHECK(ledger->header()->next_chunk <= chunks + 10);
    CHECK(check_ledger(ledger.path()) == "");
}

TEST_CASE("a_lease_of_a_living_process_is_never_taken_over") {
    TestLedger ledger;
    int ready[2], go[2];
    REQUIRE(pipe(ready) == 0);
    REQUIRE(pipe(go) == 0);
    pid_t child = start_child([&] {
        ledger.become_child();
        Handle first = add_fd(ledger.author(), 1);
        if (write(ready[1], &first, sizeof first) != sizeof first) return 1;
        char byte = 0;
        if (read(go[0], &byte, 1) != 1) return 2;
        Handle second = add_fd(ledger.author(), 2);
        return chunk_of(first) == chunk_of(second) && chunk_of(first) == ledger.lease().chunk ? 0 : 3;
    });
    Handle first = 0;
    CHECK(read(ready[0], &first, sizeof first) == sizeof first);
    u32 intruders = 0;
    for (int i = 0; i < 5000; ++i)
        intruders += chunk_of(add_fd(ledger.author(), i)) == chunk_of(first);
    CHECK(intruders == 0);
    CHECK(write(go[1], "", 1) == 1);
    CHECK(succeeded(wait_for(child)));
    for (int fd : {ready[0], ready[1], go[0], go[1]})
        close(fd);
}

TEST_CASE("a_lease_from_before_an_exec_is_taken_over_though_the_process_lives") {
    TestLedger ledger;
    ThreadLease old = ledger.thread_lease();
    Author author = ledger.author(old);
    Handle before = add_fd(author, 1);
    // What exec leaves: the same process, a new image, and nobody who knows the old lease.
    auto* tail = tail_of<ProcessTail>(*ledger->at(ledger.process()));
    tail->image = next_image(*ledger);
    ThreadLease fresh = ledger.thread_lease();
    fresh.image = tail->image;
    bool reused = false;
    for (int i = 0; i < 2000 && !reused; ++i) {
        reused = chunk_of(add_fd(ledger.author(fresh), i)) == chunk_of(before);
    }
    CHECK(reused);
    CHECK(state_of(*ledger->at(before)) == State::live);  // the descriptor lives on
}

TEST_CASE("paths_of_a_killed_process_stay_for_whoever_reaps_them") {
    TestLedger ledger;
    pid_t child = start_child([&] {
        ledger.become_child();
        for (u64 number = 0; number < 500; ++number)
            add_proof(ledger.author(), number);
        raise(SIGKILL);
        return 0;
    });
    wait_for(child);
    Handle process = find_process(*ledger, child);
    end_process(ledger.author(), process, 9);
    for (int i = 0; i < 5000; ++i)
        add_fd(ledger.author(), i);  // whoever looks for room meets its chunks
    std::string faults;
    u32 paths = 0;
    for (const OwnedEntry& entry : read_ledger(ledger.path(), faults)) {
        paths += entry.kind == Kind::temp_dir && entry.owner == process;
    }
    CHECK(paths == 500);
    CHECK(state_of(*ledger->at(process)) == State::ended);
    CHECK(check_ledger(ledger.path()) == "");
}
