// SPDX-License-Identifier: MIT
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "kinds.h"
#include "sys.h"

namespace leakshim::test {

using namespace leakshim::ledger;

namespace {

std::string trimmed_file(const std::string& path) {
    std::string text = read_whole_file(path);
    while (!text.empty() && text.back() == '\n')
        text.pop_back();
    return text;
}

void fill_ancestors(Header& header) {
    pid_t pid = getppid();
    while (pid > 0 && header.root_ancestors < 32) {
        header.ancestors[header.root_ancestors++] = pid;
        ProcessStat stat;
        if (pid == 1 || !read_process_stat(pid, stat)) break;
        pid = stat.ppid;
    }
}

template <u32 kSize>
void add_root(TextList<kSize>& list, const std::string& path) {
    strcpy(list.text + list.size, path.c_str());
    list.size += static_cast<u32>(path.size()) + 1;
}

std::vector<char*> pointers(const Actor::Words& words) {
    std::vector<char*> list;
    for (const std::string& word : words)
        list.push_back(const_cast<char*>(word.c_str()));
    list.push_back(nullptr);
    return list;
}

/// Every living process that holds an end of the pipe, but the test itself.
std::vector<pid_t> holders_of(const std::string& pipe) {
    std::vector<pid_t> holders;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        pid_t pid = atoi(entry.path().filename().c_str());
        if (pid <= 0 || pid == getpid()) continue;
        bool holds = false;
        std::error_code error;
        for (std::filesystem::directory_iterator fd(entry.path() / "fd", error), end; !error && fd != end;
             fd.increment(error)) {
            std::error_code unreadable;
            holds = holds || std::filesystem::read_symlink(*fd, unreadable) == pipe;
        }
        if (holds) holders.push_back(pid);
    }
    return holders;
}

}  // namespace

Scratch::Scratch(const std::string& base) : path_(base + "/leakshim-reap-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr)
        throw std::runtime_error("mkdtemp " + path_ + ": " + strerror(errno));
}

Scratch::~Scratch() {
    if (geteuid() != 0)
        in_child([&] { return system(("chmod -R u+rwx " + path_ + " 2>/dev/null").c_str()); });
    in_child([&] { return system(("rm -rf " + path_).c_str()); });
}

Actor::Actor(const Words& arguments, const Words& environment, int input) {
    int speak[2], life[2];
    if (pipe2(speak, O_CLOEXEC) != 0 || pipe2(life, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    Words words = arguments;
    words.insert(words.begin(), ACTOR);
    pid_ = fork();
    if (pid_ == 0) {
        // Above all that is in use, so that no dup2 closes what another still needs.
        int talk = fcntl(speak[1], F_DUPFD, 20), lifeline = fcntl(life[1], F_DUPFD, 21);
        if (input >= 0) dup2(fcntl(input, F_DUPFD, 22), 4);
        dup2(talk, 3);
        dup2(lifeline, 9);
        close_range(input >= 0 ? 5 : 4, 8, 0);
        close_range(10, ~0U, 0);
        std::vector<char*> argv = pointers(words), envp = pointers(environment);
        execve(argv[0], argv.data(), envp.data());
        _exit(127);
    }
    close(speak[1]);
    close(life[1]);
    lifeline_ = life[0];
    char byte = 0;
    bool spoke = read(speak[0], &byte, 1) == 1;
    close(speak[0]);
    if (!spoke) throw std::runtime_error("the actor did not get ready");
    speaker_ = pid_;
    if (arguments[0] == "orphan" || arguments[0] == "parent") {
        speaker_ = -1;
        for (pid_t holder : holders())
            speaker_ = holder != pid_ ? holder : speaker_;
    }
    pidfd_ = sys::pidfd_open(pid_);
    speaker_pidfd_ = sys::pidfd_open(speaker_);
    if (arguments[0] == "orphan") waitpid(pid_, nullptr, 0);
}

Actor::~Actor() {
    // The reaper may have ended them already, and their numbers may be somebody else's by now.
    sys::pidfd_send_signal(speaker_pidfd_, SIGKILL);
    sys::pidfd_send_signal(pidfd_, SIGKILL);
    for (pid_t holder : holders()) {
        int pidfd = sys::pidfd_open(holder);
        sys::pidfd_send_signal(pidfd, SIGKILL);
        close(pidfd);
    }
    waitpid(pid_, nullptr, 0);
    close(speaker_pidfd_);
    close(pidfd_);
    close(lifeline_);
}

bool is_running(pid_t pid) {
    ProcessStat stat;
    return read_process_stat(pid, stat) && !stat.dead();
}

std::vector<pid_t> Actor::holders() const {
    return holders_of(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(lifeline_)));
}

bool Actor::alive() const {
    return is_running(pid_);
}
bool Actor::speaker_alive() const {
    return is_running(speaker_);
}

bool Actor::all_gone(int ms) const {
    struct pollfd wait = {lifeline_, POLLIN, 0};
    return poll(&wait, 1, ms) == 1 && (wait.revents & POLLHUP) != 0;
}

u64 pidfd_inode_of(pid_t pid) {
    int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    u64 inode = fd < 0 ? 0 : pidfd_inode(fd);
    close(fd);
    return inode;
}

Stage::Stage() {
    Header& head = header();
    std::string boot = trimmed_file("/proc/sys/kernel/random/boot_id");
    strcpy(head.boot_id, boot.c_str());
    struct stat space {};
    stat("/proc/self/ns/pid", &space);
    head.pid_namespace = space.st_ino;
    head.ipc_namespace = ipc_namespace();
    head.created_realtime = sys::clock(CLOCK_REALTIME);
    head.created_boottime = sys::boottime();
    fill_ancestors(head);
    add_root(head.temp_roots, "/dev/shm");
    add_root(head.temp_roots, "/tmp");
    // Start times are rounded down to 10 ms: what is started from here on is younger than the session.
    usleep(20000);
    options.ci = true;
    options.linger = 20 * kMillisecond;
    options.polite = 200 * kMillisecond;
    options.term = 300 * kMillisecond;
}

void Stage::with_request(const std::function<void(const reap::Request&)>& use) {
    policy::KeepRules rules;
    if (rule) {
        rules.context = &rule;
        rules.rule = [](void* context, const policy::Subject& subject) {
            return (*static_cast<decltype(rule)*>(context))(subject);
        };
    }
    reap::Request request{*ledger, ledger.lease(), options, rules, *kernel};
    request.self = in_root ? ledger.process() : 0;
    request.in_root = in_root;
    request.run_failed = run_failed;
    request.again = again;
    request.things_only = things_only;
    request.ended_realtime = ended_realtime;
    request.progress.context = this;
    request.progress.write = [](void* context, Str line) {
        static_cast<Stage*>(context)->progress.emplace_back(line);
    };
    request.log.context = this;
    request.log.write = [](void* context, Str lines) {
        static_cast<Stage*>(context)->log.emplace_back(lines);
    };
    if (interrupted) {
        request.interrupted.context = &interrupted;
        request.interrupted.raised = [](void* context) {
            return (*static_cast<std::function<bool()>*>(context))();
        };
    }
    use(request);
}

reap::Result Stage::reap() {
    reap::Result result;
    with_request([&](const reap::Request& request) { result = reap::reap(request); });
    return result;
}

Handle Stage::record(pid_t pid, u8 flags, Handle parent) {
    NewProcess process;
    process.pid = pid;
    process.ppid = getpid();
    process.uid = geteuid();
    process.pidfd_inode = pidfd_inode_of(pid);
    process.parent = parent;
    process.flags = flags;
    process.command = Str("actor\0", 6);
    return add_process(ledger.author(), process);
}

Handle Stage::record(Kind kind, const std::string& path, u8 flags) {
    Handle handle = begin_named(ledger.author(), kind, path, flags);
    commit_named(ledger.author(), handle, file_id(AT_FDCWD, path.c_str()));
    return handle;
}

Handle Stage::make_directory(const std::string& path, mode_t mode) {
    if (mkdir(path.c_str(), mode) != 0) throw std::runtime_error("mkdir " + path + ": " + strerror(errno));
    return record(Kind::temp_dir, path);
}

Handle Stage::make_file(const std::string& path) {
    write_file(path, "x");
    return record(Kind::temp_file, path);
}

Handle Stage::record_fd(Kind kind, int fd, u8 flags) {
    Handle handle = ledger->allocate(ledger.lease(), kind, 0);
    Record& record = *ledger->at(handle);
    record.owner = ledger.process();
    record.born = sys::boottime();
    record.number.store(fd);
    record.flags.store(flags);
    ledger->publish(record, State::live);
    return handle;
}

OwnedEntry Stage::entry(Handle handle) {
    std::string faults;
    for (const OwnedEntry& entry : read_ledger(ledger.path(), faults)) {
        if (entry.handle == handle) return entry;
    }
    return OwnedEntry(Entry{});
}

std::string Stage::fate(Handle handle) {
    OwnedEntry found = entry(handle);
    if (found.kind == Kind::none) return "gone";
    return std::string(state_name(found.state)) + "/" + std::string(outcome_name(found.outcome));
}

std::vector<OwnedEntry> Stage::entries(Kind kind) {
    std::string faults;
    std::vector<OwnedEntry> found;
    for (const OwnedEntry& entry : read_ledger(ledger.path(), faults)) {
        if (entry.kind == kind) found.push_back(entry);
    }
    return found;
}

void Stage::add_exempt_root(const std::string& path) {
    add_root(header().exempt_roots, path);
}

bool exists(const std::string& path) {
    struct stat st {};
    return lstat(path.c_str(), &st) == 0;
}

size_t open_descriptors() {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        ++count;
    return count;
}

}  // namespace leakshim::test
