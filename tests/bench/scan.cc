// SPDX-License-Identifier: MIT
//
// The ledger by itself: how long it takes to write, find and walk many records, and how much room they take.
//
//     scan LEDGER COUNT      prints one JSON object; LEDGER must not exist, and is removed
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "reader.h"
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

/// Names are made and released again while `live` of them stay: ns for one, at each size.
void names_at_each_size(ledger::Author& author, u32 most) {
    constexpr u32 kTurns = 2000;
    u32 made = 0;
    auto make = [&](const std::string& name) {
        ledger::Handle handle =
            ledger::begin_named(author, ledger::Kind::temp_dir, Str(name.data(), name.size()));
        ledger::commit_named(author, handle, {1, 1, 1, 1});
        return handle;
    };
    std::printf("\"name_ns\":{");
    for (u32 size = 10; size <= most; size *= 10) {
        for (; made < size; ++made)
            make("/tmp/of-before-" + std::to_string(made));
        auto start = std::chrono::steady_clock::now();
        for (u32 i = 0; i < kTurns; ++i) {
            std::string name = "/tmp/new-" + std::to_string(i);
            make(name);
            ledger::release_persistent(author, ledger::find_named(author.ledger, ledger::Kind::temp_dir,
                                                                  Str(name.data(), name.size())));
        }
        std::printf("%s\"%u\":%.0f", size == 10 ? "" : ",", size, since(start) * 1e6 / kTurns);
    }
    std::printf("}");
}

double walk(ledger::Source& source, u64& seen) {
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
    double best = 1e9;
    u64 seen = 0;
    for (int round = 0; round < 5; ++round)
        best = std::min(best, walk(source, seen));
    std::printf("{\"records\":%u,\"seen\":%llu,\"write_ns\":%.1f,\"scan_ms\":%.2f,\"bytes\":%.1f,", number,
                static_cast<unsigned long long>(seen), filled * 1e6 / number, best, bytes);
    ledger::Author author{ledger, lease};
    author.process = lease.process;
    names_at_each_size(author, std::min(number, 100000U));
    std::printf("}\n");
    unlink(arguments[1]);
    return 0;
}
