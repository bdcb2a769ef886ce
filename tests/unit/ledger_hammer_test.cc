// SPDX-License-Identifier: MIT
//
// Many threads and processes make and release records at once; a table beside the ledger proves that no line
// is handed out twice.
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "support.h"

using namespace leakshim;
using namespace leakshim::ledger;
using namespace leakshim::test;

namespace {

constexpr u32 kLines = 1 << 18;

/// Shared with all children: who has which line, and what went wrong.
struct Claims {
    std::atomic<u64> line[kLines];
    std::atomic<u32> handed_out_twice;
    std::atomic<u32> changed_by_others;
    std::atomic<u32> unexpected;
    std::atomic<u32> done;
};

class SharedClaims {
  public:
    SharedClaims() {
        void* memory =
            mmap(nullptr, sizeof(Claims), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::runtime_error("no memory for the claims");
        claims_ = static_cast<Claims*>(memory);
    }
    ~SharedClaims() { munmap(claims_, sizeof(Claims)); }
    SharedClaims(const SharedClaims&) = delete;
    SharedClaims& operator=(const SharedClaims&) = delete;
    Claims* operator->() { return claims_; }
    Claims& operator*() { return *claims_; }

  private:
    Claims* claims_;
};

/// One thread's records: each is claimed, filled with the thread's mark, and looked at again before its
/// release.
class Hammer {
  public:
    Hammer(TestLedger& ledger, Claims& claims, ThreadLease& lease, u64 mark)
        : ledger_(ledger), claims_(claims), author_(ledger.author(lease)), mark_(mark), random_(mark) {}

    void run(int rounds) {
        for (int i = 0; i < rounds; ++i) {
            if (live_.size() < 40 || (live_.size() < 200 && random_.below(2) == 0))
                make();
            else
                release(random_.below(live_.size()));
            if (random_.below(500) == 0) ledger_->drop_lease(author_.lease);
        }
        while (!live_.empty())
            release(live_.size() - 1);
        ledger_->drop_lease(author_.lease);
    }

  private:
    void make() {
        bool named = random_.below(2) == 0;
        std::string name = std::to_string(mark_) + "/" + std::string(random_.below(300), 'n');
        Handle handle = named ? begin_named(author_, Kind::temp_dir, name)
                              : ledger_->allocate(author_.lease, Kind::socket, 0);
        if (handle == 0 || handle >= kLines) {
            ++claims_.unexpected;
            return;
        }
        Record& record = *ledger_->at(handle);
        for (u32 i = 0; i < record.lines; ++i) {
            claims_.handed_out_twice += claims_.line[handle + i].exchange(mark_) != 0;
        }
        if (named)
            commit_named(author_, handle, FileId{mark_, handle, 3, 4});
        else
            publish_socket(record, handle);
        live_.push_back(handle);
    }

    void publish_socket(Record& record, Handle handle) {
        record.owner = author_.process;
        record.a = mark_;
        record.b = handle;
        ledger_->publish(record, State::live);
    }

    void release(size_t which) {
        Handle handle = live_[which];
        live_[which] = live_.back();
        live_.pop_back();
        Record& record = *ledger_->at(handle);
        bool same = state_of(record) == State::live && record.a == mark_ && record.b == handle;
        if (same && record.kind == Kind::temp_dir) same = starts_with(name_of(record), std::to_string(mark_));
        claims_.changed_by_others += !same;
        for (u32 i = 0; i < record.lines; ++i)
            claims_.line[handle + i].store(0);
        if (record.kind == Kind::temp_dir)
            release_persistent(author_, handle);
        else
            claims_.unexpected += !ledger_->release(author_.lease, handle);
    }

    TestLedger& ledger_;
    Claims& claims_;
    Author author_;
    u64 mark_;
    Random random_;
    std::vector<Handle> live_;
};

void run_threads(TestLedger& ledger, Claims& claims, int threads, int rounds, u64 first_mark) {
    std::vector<std::thread> all;
    for (int i = 0; i < threads; ++i) {
        all.emplace_back([&, i] {
            ThreadLease lease = ledger.thread_lease();
            Hammer(ledger, claims, lease, first_mark + static_cast<u64>(i)).run(rounds);
            ++claims.done;
        });
    }
    for (std::thread& thread : all)
        thread.join();
}

void check_clean(TestLedger& ledger, Claims& claims) {
    CHECK(claims.handed_out_twice == 0);
    CHECK(claims.changed_by_others == 0);
    CHECK(claims.unexpected == 0);
    std::string faults;
    u32 left = 0;
    for (const OwnedEntry& entry : read_ledger(ledger.path(), faults))
        left += entry.kind != Kind::process;
    CHECK(left == 0);
    CHECK(lost_lines(ledger.path()) == 0);
    CHECK(faults.empty());
}

}  // namespace

TEST_CASE("threads_that_make_and_release_never_get_the_same_line") {
    TestLedger ledger;
    SharedClaims claims;
    run_threads(ledger, *claims, 8, 40'000, 1);
    CHECK(claims->done == 8);
    check_clean(ledger, *claims);
}

TEST_CASE("processes_with_threads_that_make_and_release_never_get_the_same_line") {
    TestLedger ledger;
    SharedClaims claims;
    std::vector<pid_t> children;
    for (u64 child = 1; child <= 6; ++child) {
        children.push_back(start_child([&, child] {
            ledger.become_child();
            run_threads(ledger, *claims, 3, 15'000, child * 100);
            end_process(ledger.author(), ledger.process(), 0);
            return 0;
        }));
    }
    for (pid_t child : children)
        CHECK(succeeded(wait_for(child)));
    CHECK(claims->done == 18);
    check_clean(ledger, *claims);
}

TEST_CASE("records_made_by_one_thread_and_released_by_others_are_released_once") {
    TestLedger ledger;
    constexpr u32 kCount = 60'000;
    std::vector<std::atomic<u64>> made(kCount);  // generation and handle
    std::atomic<u32> released = 0;
    std::vector<std::thread> all;
    for (int i = 0; i < 4; ++i) {
        all.emplace_back([&] {
            ThreadLease lease = ledger.thread_lease();
            for (std::atomic<u64>& entry : made) {
                while (entry == 0)
                    std::this_thread::yield();
                u64 word = entry;
                released += ledger->release(lease, static_cast<Handle>(word), static_cast<u32>(word >> 32));
            }
        });
    }
    // While the others release in the chunks that this thread fills, it collects what they released.
    for (u32 i = 0; i < kCount; ++i) {
        Handle handle = ledger->allocate(ledger.lease(), Kind::socket, i % 3 * 64);
        u32 generation = generation_of(*ledger->at(handle));
        ledger->publish(*ledger->at(handle), State::live);
        made[i] = static_cast<u64>(generation) << 32 | handle;
    }
    for (std::thread& thread : all)
        thread.join();
    CHECK(released == kCount);
    CHECK(lost_lines(ledger.path()) == 0);
}

TEST_CASE("threads_that_enter_and_look_up_the_same_names_agree") {
    TestLedger ledger;
    std::atomic<u32> wrong = 0;
    std::vector<std::thread> all;
    for (u32 number = 0; number < 6; ++number) {
        all.emplace_back([&, number] {
            ThreadLease lease = ledger.thread_lease();
            Author author = ledger.author(lease);
            for (u32 i = 0; i < 5000; ++i) {
                std::string mine = "/tmp/t" + std::to_string(number) + "/" + std::to_string(i);
                Handle handle = begin_named(author, Kind::temp_dir, mine);
                commit_named(author, handle, FileId{1, i, number, 4});
                wrong += find_named(*ledger, Kind::temp_dir, mine) != handle;
                std::string foreign = "/tmp/t" + std::to_string((number + 1) % 6) + "/" + std::to_string(i);
                Handle other = find_named(*ledger, Kind::temp_dir, foreign);
                wrong += other == handle;
                if (i % 2 == 0) release_persistent(author, handle);
            }
        });
    }
    for (std::thread& thread : all)
        thread.join();
    CHECK(wrong == 0);
    for (u32 number = 0; number < 6; ++number) {
        for (u32 i = 0; i < 5000; ++i) {
            std::string name = "/tmp/t" + std::to_string(number) + "/" + std::to_string(i);
            wrong += (find_named(*ledger, Kind::temp_dir, name) != 0) != (i % 2 == 1);
        }
    }
    CHECK(wrong == 0);
    CHECK(audit(ledger.path()).empty());
}
