// SPDX-License-Identifier: MIT
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "sys.h"

namespace leakshim::test {

using namespace leakshim::ledger;

TempDir::TempDir() {
    const char* tmpdir = getenv("TMPDIR");
    std::string base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : tmpdir != nullptr ? tmpdir : "/tmp";
    path_ = base + "/leakshim-unit-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr)
        throw std::runtime_error("mkdtemp " + path_ + ": " + strerror(errno));
}

TempDir::~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

namespace {

/// The shim never unmaps a ledger; a test program with hundreds of them has to.
void unmap_all_of(const std::string& path) {
    std::ifstream maps("/proc/self/maps");
    std::vector<std::pair<u64, u64>> found;
    for (std::string line; std::getline(maps, line);) {
        if (line.find(path) == std::string::npos) continue;
        u64 from = 0, to = 0;
        if (sscanf(line.c_str(), "%lx-%lx", &from, &to) == 2) found.emplace_back(from, to);
    }
    for (auto [from, to] : found)
        sys::munmap(reinterpret_cast<void*>(from), to - from);
}

void fill_header(Header& header) {
    strcpy(header.id, "00112233445566778899aabbccddeeff");
    strcpy(header.boot_id, "7d3c1c53-0000-4000-8000-000000000000");
    header.uid = geteuid();
    header.root_pid = getpid();
}

NewProcess myself() {
    NewProcess process;
    process.pid = getpid();
    process.ppid = getppid();
    process.uid = geteuid();
    process.command = Str("unit_tests\0--child\0", 19);
    return process;
}

}  // namespace

TestLedger::TestLedger(const std::string& path) : ledger_(std::make_unique<Ledger>()) {
    if (path.empty()) dir_ = std::make_unique<TempDir>();
    path_ = path.empty() ? *dir_ / "session.ledger" : path;
    int answer = ledger_->create(path_.c_str());
    if (answer != 0) throw std::runtime_error("create " + path_ + ": " + strerror(-answer));
    fill_header(*ledger_->header());
    become_child();
    ledger_->header()->root = lease_.process;
    ledger_->seal();
}

TestLedger::~TestLedger() {
    unlink(path_.c_str());
    unmap_all_of(path_);
}

void TestLedger::become_child() {
    lease_ = ThreadLease{};
    Author author{*ledger_, lease_};
    Handle handle = add_process(author, myself());
    if (handle == 0) throw std::runtime_error("no room for a process");
    auto* tail = tail_of<ProcessTail>(*ledger_->at(handle));
    lease_ = ThreadLease{0, 0, handle, tail->image.load()};
}

Author TestLedger::author(ThreadLease& lease) {
    return Author{*ledger_, lease, lease.process, 0, 0, sys::boottime()};
}

u64 TestLedger::counter(Counter counter) {
    return ledger_->header()->counters[static_cast<u32>(counter)].load();
}

std::vector<OwnedEntry> read_ledger(const std::string& path, std::string& faults) {
    std::vector<OwnedEntry> entries;
    int fd = sys::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    FileSource source(fd);
    auto header = std::make_unique<Header>();
    Verdict verdict = read_header(source, *header);
    if (verdict != Verdict::ok) {
        faults = std::string(verdict_text(verdict));
    } else {
        auto walker = std::make_unique<Walker>(source, *header);
        std::set<Handle> seen;
        for (Entry entry; walker->next(entry);) {
            if (!seen.insert(entry.handle).second) faults += "a record twice; ";
            entries.emplace_back(entry);
        }
        if (walker->broken() != 0) faults += std::to_string(walker->broken()) + " broken chunks; ";
    }
    sys::close(fd);
    return entries;
}

std::string audit(const std::string& path) {
    std::string faults;
    read_ledger(path, faults);
    return faults;
}

u32 lost_lines(const std::string& path) {
    std::string faults;
    u64 recorded = 0, taken = 0;
    int fd = sys::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    FileSource source(fd);
    auto header = std::make_unique<Header>();
    if (read_header(source, *header) != Verdict::ok) throw std::runtime_error("no ledger: " + path);
    for (const OwnedEntry& entry : read_ledger(path, faults)) {
        Record record;
        source.read(offset_of(entry.handle), static_cast<void*>(&record), sizeof record);
        recorded += record.lines;
    }
    for (u32 number = kHeaderChunks; number < header->next_chunk; ++number) {
        ChunkHeader head;
        source.read(u64{number} * kChunkSize, static_cast<void*>(&head), sizeof head);
        if (is_index_chunk(*header, number) || lease_of(head.lease) == Lease::unused) continue;
        taken += static_cast<u64>(__builtin_popcountll(head.used & ~head.freed & ~u64{1}));
    }
    sys::close(fd);
    return static_cast<u32>(taken - recorded);
}

pid_t start_child(const std::function<int()>& body) {
    pid_t pid = fork();
    if (pid != 0) return pid;
    // No exception may get back into the test runner, which would report twice.
    int status = 99;
    try {
        status = body();
    } catch (const std::exception& e) {
        dprintf(2, "child: %s\n", e.what());
    }
    _exit(status);
}

int wait_for(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

int in_child(const std::function<int()>& body) {
    return wait_for(start_child(body));
}

bool succeeded(int wait_status) {
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0) return true;
    UNSCOPED_INFO("wait status " << wait_status << ": exit " << WEXITSTATUS(wait_status) << ", signal "
                                 << WTERMSIG(wait_status));
    return false;
}

void write_file(const std::string& path, const std::string& bytes) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << bytes;
    if (!file.flush()) throw std::runtime_error("can't write " + path);
}

std::string read_whole_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
}

}  // namespace leakshim::test
