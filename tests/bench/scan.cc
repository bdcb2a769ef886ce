// SPDX-License-Identifier: MIT
//
// The ledger by itself: how long it takes to write, find and walk many records, and how much room they take.
//
//     scan LEDGER COUNT      prints one JSON object; LEDGER must not exist, and is removed
//
// A scan is what the end of a session does with its ledger first, by the reaper's own code (take_inventory):
// it looks at each record, and lists what is to be judged. `scan_ms`: the records are of descriptors of other
// processes, so that nothing comes of it; `own_ms`: the same when all of them are the root's
// own, each of which is listed; `read_ms`: every field of each record is read, as the tools do.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "inventory.h"
#include "records.h"

using namespace leakshim;

namespace {

double since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

u64 bytes_of(const char* path) {
    struct stat st {};
    stat(path, &st);
    return static_cast<u64>(st.st_blocks) * 512;
}

/// Records of descriptors, one line each, as the hooks write them.
double fill(ledger::Ledger& ledger, ledger::ThreadLease& lease, u32 count) {
    auto start = std::chrono::steady_clock::now();
    for (u32 i = 0; i < count; ++i) {
        ledger::Handle handle = ledger.allocate(lease, ledger::Kind::socket, 0);
        if (handle == 0) std::exit(3);
        ledger::Record& record = *ledger.at(handle);
        record.owner = lease.process;
        record.number.store(static_cast<int>(i));
        ledger.publish(record, ledger::State::live);
    }
    return since(start);
}

/// How what an operation takes grows with what is there already, from ten of its kind to `most`: ns for one
/// that is made, found and released again, at each size. `make(number)` makes one, `turn(number)` does all
/// three.
template <typename Make, typename Turn>
void print_growth(const char* what, u32 most, Make make, Turn turn) {
    constexpr u32 kTurns = 2000;
    u32 made = 0;
    std::printf("\"%s\":{", what);
    for (u32 size = 10; size <= most; size *= 10) {
        for (; made < size; ++made)
            make(made);
        double best = 1e9;  // of three: what else the machine does is none of ours
        for (int round = 0; round < 3; ++round) {
            auto start = std::chrono::steady_clock::now();
            for (u32 i = 0; i < kTurns; ++i)
                turn(most + i);
            best = std::min(best, since(start) * 1e6 / kTurns);
        }
        std::printf("%s\"%u\":%.0f", size == 10 ? "" : ",", size, best);
    }
    std::printf("}");
}

std::string text_of(const char* prefix, u32 number) {
    return prefix + std::to_string(number);
}
Str view(const std::string& text) {
    return {text.data(), text.size()};
}

/// Threads, as their hooks record them: found by the process and the pthread_t, once they run.
void print_growth_of_threads(ledger::Author& author, u32 most) {
    ledger::Ledger& ledger = author.ledger;
    auto pthread_of = [](u32 number) { return u64{number + 1} << 12; };
    auto make_thread = [&](u32 number) {
        ledger::Handle handle = ledger.allocate(author.lease, ledger::Kind::thread, 0);
        if (handle == 0) std::exit(3);
        ledger::Record& record = *ledger.at(handle);
        record.owner = author.process;
        record.b = pthread_of(number);
        ledger.publish(record, ledger::State::live);
        ledger.index_insert(ledger::thread_key(author.process, record.b), handle);
    };
    print_growth("threads", most, make_thread, [&](u32 number) {
        make_thread(number);
        u64 key = ledger::thread_key(author.process, pthread_of(number));
        ledger::Handle handle = ledger.index_find(key, [&](ledger::Handle, ledger::Record& record) {
            return record.kind == ledger::Kind::thread && record.b == pthread_of(number);
        });
        if (handle == 0) std::exit(3);
        ledger.index_remove(key, handle);
        ledger.release(author.lease, handle);
    });
}

void print_growth_of_all(ledger::Author& author, u32 most) {
    auto make_name = [&](u32 number) {
        std::string name = text_of("/tmp/directory-", number);
        ledger::Handle handle = ledger::begin_named(author, ledger::Kind::temp_dir, view(name));
        ledger::commit_named(author, handle, {1, 1, 1, 1});
    };
    auto make_process = [&](u32 number) {
        ledger::NewProcess process;
        process.pid = static_cast<int>(number) + 1;
        process.command = "a short command line";
        return ledger::add_process(author, process);
    };
    auto make_scope = [&](u32 number) {
        return ledger::begin_scope(author, view(text_of("tests/test_a.py::test_", number)), 0);
    };
    print_growth("names", most, make_name, [&](u32 number) {
        make_name(number);
        std::string name = text_of("/tmp/directory-", number);
        ledger::release_persistent(author,
                                   ledger::find_named(author.ledger, ledger::Kind::temp_dir, view(name)));
    });
    std::printf(",");
    print_growth("processes", std::min(most, 100'000U), make_process, [&](u32 number) {
        make_process(number);
        ledger::end_process(author, ledger::find_process(author.ledger, static_cast<int>(number) + 1), 0);
    });
    std::printf(",");
    print_growth("scopes", most, make_scope,
                 [&](u32 number) { ledger::end_scope(author.ledger, make_scope(number), false); });
    std::printf(",");
    print_growth_of_threads(author, most);
}

/// The beginning of the session's end, in the root whose record `self` is, or 0 where nothing is its own.
double take_stock(ledger::Ledger& ledger, ledger::ThreadLease& lease, ledger::Handle self, u64 listed) {
    Options options;
    policy::KeepRules rules;
    reap::Kernel kernel;
    reap::Paged<reap::Buffers> buffers;
    auto start = std::chrono::steady_clock::now();
    reap::Request request{ledger, lease, options, rules, kernel, self, true};
    reap::Reaping reaping(request, *buffers);
    reap::take_inventory(reaping);
    double taken = since(start);
    if (reaping.own.size() != listed) std::exit(5);
    return taken;
}

double read_all(ledger::Source& source, u64& seen) {
    auto header = std::make_unique<ledger::Header>();
    auto start = std::chrono::steady_clock::now();
    if (ledger::read_header(source, *header) != ledger::Verdict::ok) std::exit(4);
    ledger::Walker walker(source, *header);
    ledger::Entry entry;
    seen = 0;
    while (walker.next(entry))
        ++seen;
    return since(start);
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 3) return 2;
    auto number = static_cast<u32>(std::atol(arguments[2]));
    static ledger::Ledger ledger;
    if (ledger.create(arguments[1]) != 0) return 3;
    ledger.seal();
    ledger::ThreadLease outside, lease;
    ledger::Author first{ledger, outside};
    ledger::NewProcess process;
    process.pid = getpid();
    lease.process = ledger::add_process(first, process);
    lease.image = ledger::tail_of<ledger::ProcessTail>(*ledger.at(lease.process))->image.load();
    u64 empty = bytes_of(arguments[1]);
    double filled = fill(ledger, lease, number);
    double bytes = static_cast<double>(bytes_of(arguments[1]) - empty) / number;
    ledger::MappedSource source(ledger);
    double scan = 1e9, own = 1e9, read = 1e9;
    u64 seen = 0;
    for (int round = 0; round < 5; ++round) {
        scan = std::min(scan, take_stock(ledger, lease, 0, 0));
        own = std::min(own, take_stock(ledger, lease, lease.process, number));
        read = std::min(read, read_all(source, seen));
    }
    std::printf(
        "{\"records\":%u,\"seen\":%llu,\"write_ns\":%.1f,\"scan_ms\":%.2f,\"own_ms\":%.2f,"
        "\"read_ms\":%.2f,\"bytes\":%.1f,",
        number, static_cast<unsigned long long>(seen), filled * 1e6 / number, scan, own, read, bytes);
    ledger::Author author{ledger, lease};
    author.process = lease.process;
    std::printf("\"growth_ns\":{");
    print_growth_of_all(author, number);
    std::printf("}}\n");
    unlink(arguments[1]);
    return 0;
}
