// SPDX-License-Identifier: MIT
#include "ledger_builder.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <stdexcept>

#include "policy.h"
#include "process_facts.h"
#include "reader.h"
#include "sys.h"

namespace leakshim::test {

namespace {

using ledger::Handle;
using ledger::Kind;

constexpr u64 kStart = 1'763'712'723ULL * kSecond;  // 2025-11-21 08:12:03 UTC
constexpr u64 kStep = 10 * kMillisecond;            // from one record to the next

std::string joined(const std::vector<std::string>& texts) {
    std::string result;
    for (const std::string& text : texts)
        result.append(text).push_back('\0');
    return result;
}

template <u32 kSize>
void fill(ledger::TextList<kSize>& list, const std::string& texts) {
    if (texts.size() > sizeof list.text) throw std::runtime_error("too long for the header of a ledger");
    std::memcpy(list.text, texts.data(), texts.size());
    list.size = static_cast<u32>(texts.size());
}

u64 pidfd_inode(int pid) {
    int fd = sys::pidfd_open(pid);
    struct stat st {};
    u64 inode = fd >= 0 && fstat(fd, &st) == 0 ? st.st_ino : 0;
    if (fd >= 0) close(fd);
    return inode;
}

int pid_of_a_dead_process() {
    pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, nullptr, 0);
    return child;
}

}  // namespace

ScratchDirectory::ScratchDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "leakshim-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
}

ScratchDirectory::~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

LedgerBuilder::LedgerBuilder(const std::string& directory, std::string_view id,
                             std::vector<std::string> command) {
    std::string full(id);
    full.resize(32, '0');
    path_ = directory + "/" + full + ".ledger";
    if (ledger_.create(path_.c_str()) != 0) throw std::runtime_error("no ledger can be made at " + path_);
    ledger::Header& head = header();
    std::memcpy(head.id, full.data(), full.size());
    std::string boot = tools::own_boot_id();
    std::memcpy(head.boot_id, boot.data(), boot.size());
    head.pid_namespace = tools::own_pid_namespace();
    head.uid = geteuid();
    head.root_pid = getpid();
    head.flags = ledger::session_flag::kReap;
    head.created_realtime = kStart;
    head.created_boottime = now_ = sys::boottime();
    fill(head.command, joined(command));
    fill(head.cwd, joined({"/home/you/project"}));
    ledger::NewProcess root;
    root.pid = getpid(), root.ppid = getppid(), root.uid = geteuid();
    root.pidfd_inode = pidfd_inode(getpid());
    root.flags = ledger::flag::kRoot;
    std::string text = joined(command);
    root.command = text;
    root_ = head.root = ledger::add_process(author(0), root);
    ledger_.count(ledger::Counter::processes);
    ledger_.seal();
}

ledger::Author LedgerBuilder::author(Handle owner) {
    now_ += kStep;
    return {ledger_, lease_, owner != 0 ? owner : root_, scope_, 0, now_};
}

void LedgerBuilder::finish(Handle handle, Fate fate) {
    ledger::Record& done = record(handle);
    done.outcome.store(fate.outcome);
    ledger_.publish(done, fate.state);
}

LedgerBuilder& LedgerBuilder::in_test(std::string_view name) {
    scope_ = name.empty() ? 0 : ledger::intern_scope(author(0), name);
    return *this;
}

Handle LedgerBuilder::process(int pid, const std::vector<std::string>& command, Fate fate, Handle parent,
                              u8 flags) {
    ledger::NewProcess process;
    process.pid = pid, process.ppid = getpid(), process.uid = geteuid();
    process.pidfd_inode = pidfd_inode(pid);
    process.parent = parent != 0 ? parent : root_;
    process.flags = flags;
    std::string text = joined(command);
    process.command = text;
    Handle handle = ledger::add_process(author(0), process);
    ledger_.count(ledger::Counter::processes);
    finish(handle, fate);
    return handle;
}

Handle LedgerBuilder::path_record(Kind kind, std::string_view path, Fate fate, Handle owner, FileId id) {
    ledger::Author by = author(owner);
    Handle handle = ledger::begin_named(by, kind, path);
    if (fate.state == ledger::State::intent) return handle;
    ledger::commit_named(by, handle, id);
    finish(handle, fate);
    return handle;
}

Handle LedgerBuilder::socket(int fd, int type, u16 port, u8 flags, Fate fate, Handle owner) {
    Handle handle = descriptor(Kind::socket, fd, "", fate, owner);
    ledger::Record& made = record(handle);
    made.a = static_cast<u64>(AF_INET) | static_cast<u64>(type) << 16 | static_cast<u64>(port) << 32;
    made.b = 0x0100007f;  // 127.0.0.1 as on the wire, on a little-endian machine as ours are
    made.flags.store(flags);
    return handle;
}

Handle LedgerBuilder::descriptor(Kind kind, int fd, std::string_view path, Fate fate, Handle owner) {
    u32 tail = path.empty() ? 0 : ledger::kTextTailFixed + static_cast<u32>(path.size()) + 1;
    ledger::Author by = author(owner);
    Handle handle = ledger_.allocate(lease_, kind, tail);
    ledger::Record& made = record(handle);
    made.owner = by.process, made.scope = by.scope, made.born = by.now;
    made.number.store(fd);
    if (tail != 0) {
        auto* text = ledger::tail_of<ledger::TextTail>(made);
        text->size = static_cast<u16>(path.size());
        std::memcpy(text->text, path.data(), path.size());
        text->text[path.size()] = '\0';
    }
    finish(handle, fate);
    return handle;
}

Handle LedgerBuilder::thread(int tid, std::string_view name, Fate fate) {
    Handle handle = descriptor(Kind::thread, tid, "", fate);
    ledger::Record& made = record(handle);
    made.a = 0x55d0c0de;
    made.flags.store(ledger::flag::kStarted);
    u64 words[2] = {};
    std::memcpy(words, name.data(), std::min<size_t>(name.size(), 15));
    made.c = words[0], made.d = words[1];
    return handle;
}

Handle LedgerBuilder::sysv(Kind kind, int id, u64 key, Fate fate) {
    Handle handle = ledger::add_sysv(author(0), kind, id, key, 1, static_cast<u64>(getpid()));
    finish(handle, fate);
    return handle;
}

void LedgerBuilder::holds_output(Handle process, int fd, ledger::Stream stream) {
    record(process).c = ledger::with_stream(record(process).c, fd, stream);
}

void LedgerBuilder::rules(std::string_view file) {
    fill(header().rules, joined({std::string(file)}));
}

void LedgerBuilder::rule(const ledger::RuleTally& rule) {
    ledger::note_rule({ledger_, lease_, 0, 0, 0, now_}, rule);
}

LedgerBuilder& LedgerBuilder::count(ledger::Counter counter, u64 by) {
    ledger_.count(counter, by);
    return *this;
}

void LedgerBuilder::call_root(int pid) {
    header().root_pid = pid;
    record(root_).number.store(pid);
}

void LedgerBuilder::end(u64 after_ns, int status, ledger::EndedBy how) {
    header().ended_realtime.store(header().created_realtime + after_ns);
    header().exit_status.store(status);
    header().ended_by.store(how);
    ledger::MappedSource source(ledger_);
    ledger::Walker walker(source, header());
    ledger::Entry entry;
    while (walker.next(entry)) {
        policy::Degree degree = policy::degree_of(entry);
        if (degree == policy::Degree::error) ++header().errors;
        if (degree == policy::Degree::warning) ++header().warnings;
        if (degree == policy::Degree::note) ++header().notes;
    }
    header().phase.store(static_cast<u32>(ledger::Phase::ended));
}

void LedgerBuilder::call_session(std::string_view name) {
    header().flags |= ledger::session_flag::kNamed;
    name.copy(header().name.text, sizeof header().name.text - 1);
    header().name.size = static_cast<u32>(name.size() + 1);
}

void LedgerBuilder::kill_root() {
    call_root(pid_of_a_dead_process());
    record(root_).a = 1;  // no process ever had this inode
}

std::string content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    ledger::Header header;
    file.read(reinterpret_cast<char*>(&header), sizeof header);
    std::string content(header.next_chunk.load() * ledger::kChunkSize, '\0');
    file.seekg(0);
    file.read(content.data(), static_cast<std::streamsize>(content.size()));
    return content;
}

}  // namespace leakshim::test
