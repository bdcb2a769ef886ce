// SPDX-License-Identifier: MIT
//
// The ledger of a run that has ended and left many things: what a report on it takes.
//
//     crowded LEDGER COUNT      LEDGER must not exist, and stays
//
// Temporary directories, left by a thousand tests, kept since the run was at a desk.
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "records.h"

using namespace leakshim;

namespace {

void leave_directory(ledger::Author& author, u32 number) {
    std::string name = "/tmp/pytest-of-you/directory-" + std::to_string(number);
    ledger::Handle handle = ledger::begin_named(author, ledger::Kind::temp_dir, name);
    if (handle == 0) std::exit(3);
    ledger::commit_named(author, handle, FileId{1, number + 1, 2, 3});
    ledger::Record& record = *author.ledger.at(handle);
    record.outcome = ledger::Outcome::kept_at_desk;
    author.ledger.move(record, ledger::State::live, ledger::State::kept);
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 3) return 2;
    constexpr u32 kTests = 1000;
    auto number = static_cast<u32>(std::atol(arguments[2]));
    static ledger::Ledger ledger;
    if (ledger.create(arguments[1]) != 0) return 3;
    ledger::Header& header = *ledger.header();
    ledger::ThreadLease lease;
    ledger::Author author{ledger, lease};
    ledger::NewProcess process;
    process.pid = header.root_pid = getpid();
    process.flags = ledger::flag::kRoot;
    author.process = lease.process = header.root = ledger::add_process(author, process);
    lease.image = ledger::tail_of<ledger::ProcessTail>(*ledger.at(lease.process))->image.load();
    ledger.seal();
    std::vector<ledger::Handle> tests;
    for (u32 i = 0; i < kTests; ++i)
        tests.push_back(ledger::intern_scope(author, "tests/test_a.py::test_" + std::to_string(i)));
    for (u32 i = 0; i < number; ++i) {
        author.scope = tests[i % kTests];
        leave_directory(author, i);
    }
    header.notes = number;
    header.phase = static_cast<u32>(ledger::Phase::ended);
    return 0;
}
