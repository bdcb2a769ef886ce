// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "checks.h"
#include "encoding.h"
#include "ledger_dirs.h"
#include "library.h"
#include "options.h"
#include "sys.h"
#include "task.h"

namespace leakshim::tools {

namespace {

constexpr u64 kLeastForLedgers = 1 << 20, kSmallForLedgers = 64 << 20;
constexpr int kPatience = 10'000;  // ms for a program that does nothing

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : value;
}

/// What ld.so says when `true` is started with the library preloaded; empty when it says nothing. The shim
/// itself does nothing then: LEAKSHIM=off.
std::string complaint_of_loader(const std::string& library) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return strerror(errno);
    std::string preload = "LD_PRELOAD=" + library;
    char off[] = "LEAKSHIM=off", name[] = "true";
    char* variables[] = {preload.data(), off, nullptr};
    char* arguments[] = {name, nullptr};
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        execve("/bin/true", arguments, variables);
        _exit(126);
    }
    close(ends[1]);
    char text[1024];
    struct pollfd ready = {ends[0], POLLIN, 0};
    ssize_t size = child > 0 && poll(&ready, 1, kPatience) == 1 ? read(ends[0], text, sizeof text) : 0;
    close(ends[0]);
    int status = 0;
    if (child > 0) waitpid(child, &status, 0);
    if (size > 0) return std::string(text, static_cast<size_t>(size));
    return child > 0 && status == 0 ? std::string() : "/bin/true could not be run with it";
}

void check_library(std::string& library, std::vector<Check>& to) {
    auto found = find_library("");
    if (!found.ok()) {
        to.push_back({CheckLevel::bad, "library", std::string(found.status().message()),
                      "install leakshim as a whole"});
        return;
    }
    library = *found;
    std::string complaint = complaint_of_loader(library);
    while (complaint.ends_with('\n'))
        complaint.pop_back();
    if (complaint.empty())
        to.push_back(
            {CheckLevel::ok, "library", library + " is there and is loaded when it is preloaded", {}});
    else
        to.push_back({CheckLevel::bad, "library", fmt::format("{} is not loaded: {}", library, complaint),
                      "use the library that was built for this machine and C library"});
}

void check_guard(const std::string& library, std::vector<Check>& to) {
    if (library.empty()) return;
    std::string directory = library.substr(0, library.rfind('/') + 1);
    for (const char* between : {"", "leakshim/"}) {
        std::string guard = directory + between + "leakshim-guard";
        if (access(guard.c_str(), X_OK) != 0) continue;
        to.push_back({CheckLevel::ok, "guard", guard + " can be executed", {}});
        return;
    }
    to.push_back({CheckLevel::bad, "guard",
                  "there is no leakshim-guard beside the library that can be executed",
                  "install leakshim as a whole; until then the next run does the guard's work"});
}

void check_preload(const std::string& library, std::vector<Check>& to) {
    std::string preload = environment("LD_PRELOAD");
    size_t at = preload.find("libleakshim.so");
    if (preload.empty()) {
        to.push_back(
            {CheckLevel::ok, "LD_PRELOAD", "is not set: nothing is recorded unless it is set for the run",
             library.empty() ? std::string()
                             : fmt::format("LD_PRELOAD={} COMMAND, or leakshim-run COMMAND", library)});
    } else if (at == preload.npos) {
        to.push_back({CheckLevel::warn, "LD_PRELOAD", fmt::format("is {}, without leakshim", preload),
                      "put libleakshim.so in front of it, or use leakshim-run, which does"});
    } else {
        size_t start = preload.find_last_of(": ", at);
        std::string entry = preload.substr(start == preload.npos ? 0 : start + 1);
        entry = entry.substr(0, entry.find_first_of(": "));
        bool there = access(entry.c_str(), R_OK) == 0;
        to.push_back({there ? CheckLevel::ok : CheckLevel::bad, "LD_PRELOAD",
                      there ? "names " + entry : entry + " can't be read, and ld.so merely warns",
                      there ? std::string() : "name the library by its absolute path"});
    }
}

void check_settings(std::vector<Check>& to) {
    OptionTexts texts;
    std::string mode = environment("LEAKSHIM"), settings = environment("LEAKSHIM_OPTIONS"),
                ci = environment("CI");
    std::string keep = environment("LEAKSHIM_KEEP");
    texts.leakshim = mode, texts.options = settings, texts.ci = ci, texts.keep = keep;
    Options options;
    Text<2048> complaints;
    parse_options(texts, options, complaints);
    for (const std::string& line : split_bytes(complaints.str(), '\n'))
        to.push_back({CheckLevel::bad, "settings", line, {}});
    if (options.off)
        to.push_back(
            {CheckLevel::warn, "settings", "LEAKSHIM=off: nothing is done at all", "unset LEAKSHIM"});
    else if (options.keep)
        to.push_back(
            {CheckLevel::warn, "settings", "LEAKSHIM_KEEP=1: commands are exempt", "unset LEAKSHIM_KEEP"});
    else if (complaints.size() == 0)
        to.push_back(
            {CheckLevel::ok,
             "settings",
             fmt::format("mode {}{}{}", options.reap ? "reap" : "report", options.fail ? ", fail" : "",
                         options.ci ? ", CI (temporary trees are removed)" : ""),
             {}});
}

void check_shared_memory(std::vector<Check>& to) {
    struct stat st {};
    struct statvfs room {};
    if (!environment("LEAKSHIM_DIR").empty()) return;
    if (stat("/dev/shm", &st) != 0 || statvfs("/dev/shm", &room) != 0) {
        to.push_back(
            {CheckLevel::bad, "/dev/shm", strerror(errno), "set LEAKSHIM_DIR to a directory of yours"});
        return;
    }
    u64 size = static_cast<u64>(room.f_blocks) * room.f_frsize,
        left = static_cast<u64>(room.f_bavail) * room.f_frsize;
    bool writable = access("/dev/shm", W_OK | X_OK) == 0;
    bool odd_mode = (st.st_mode & 07777) != 01777;
    std::string words =
        fmt::format("{} MiB, {} of them free, mode {:04o}", size >> 20, left >> 20, st.st_mode & 07777);
    if (!writable || left < kLeastForLedgers)
        to.push_back({CheckLevel::bad, "/dev/shm", words,
                      "free some, make it larger (docker run --shm-size), or set LEAKSHIM_DIR"});
    else if (odd_mode)
        to.push_back({CheckLevel::warn, "/dev/shm", words + "; usual is 1777",
                      "other users may have no ledgers: chmod 1777 /dev/shm"});
    else
        to.push_back({CheckLevel::ok,
                      "/dev/shm",
                      words + (size <= kSmallForLedgers ? "; what finds no room is counted as dropped" : ""),
                      {}});
}

void check_ledgers(std::vector<Check>& to) {
    std::string wanted = environment("LEAKSHIM_DIR");
    auto directories = find_ledger_directories(wanted);
    if (!directories.ok())
        to.push_back({CheckLevel::bad, "ledgers", std::string(directories.status().message()), {}});
    else if (directories->empty())
        to.push_back({CheckLevel::ok, "ledgers", "there are none yet", {}});
    else
        to.push_back(
            {CheckLevel::ok,
             "ledgers",
             fmt::format("{} sessions in {}", list_sessions(*directories).size(), directories->front()),
             {}});
}

void check_kernel(std::vector<Check>& to) {
    int pidfd = sys::pidfd_open(getpid());
    struct stat st {};
    constexpr u64 kPlausible = 1 << 12;
    bool numbered = pidfd >= 0 && fstat(pidfd, &st) == 0 && st.st_ino > kPlausible;
    if (pidfd < 0)
        to.push_back({CheckLevel::bad, "pidfd",
                      fmt::format("is refused ({}): nothing is killed without it", strerror(-pidfd)),
                      "allow pidfd_open and pidfd_send_signal in the container's seccomp filter"});
    else
        to.push_back(
            {CheckLevel::ok, "pidfd", numbered ? "works, and is numbered for each process" : "works", {}});
    if (pidfd >= 0) close(pidfd);
    int before = 0;
    prctl(PR_GET_CHILD_SUBREAPER, &before);
    bool subreaper = prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
    prctl(PR_SET_CHILD_SUBREAPER, before);
    to.push_back(
        {subreaper ? CheckLevel::ok : CheckLevel::warn,
         "subreaper",
         subreaper ? "leakshim-run can be given orphans" : "is refused: leakshim-run can't be given orphans",
         {}});
    std::string scope = read_small("/proc/sys/kernel/yama/ptrace_scope");
    bool seen = scope.empty() || scope[0] == '0' || geteuid() == 0;
    to.push_back({CheckLevel::ok,
                  "ptrace",
                  seen ? "a hang can be explained down to the system call"
                       : "is limited (kernel.yama.ptrace_scope): a hang is explained from outside",
                  {}});
}

void check_namespaces(std::vector<Check>& to) {
    std::string limit = read_small("/proc/sys/user/max_user_namespaces");
    std::string map = read_small("/proc/self/uid_map");
    bool inside = map.find("4294967295") == map.npos;
    bool allowed = !limit.empty() && limit[0] != '0';
    to.push_back(
        {CheckLevel::ok,
         "user namespaces",
         fmt::format("{}{}",
                     allowed ? "can be made; what a test starts in one of its own is seen as long as it "
                               "shares the pid namespace"
                             : "can't be made here",
                     inside ? "; this is one already" : ""),
         {}});
    std::string init = read_small("/proc/1/comm", 64);
    while (init.ends_with('\n'))
        init.pop_back();
    if (getppid() == 1 || getpid() == 1)
        to.push_back({CheckLevel::warn, "pid 1",
                      fmt::format("is {}: a run that is pid 1 itself gets no guard", init),
                      "start the container with an init (docker run --init), or use leakshim-run"});
}

}  // namespace

std::vector<Check> doctor(const std::vector<std::string>& command) {
    std::vector<Check> checks;
    std::string library;
    check_library(library, checks);
    check_guard(library, checks);
    check_preload(library, checks);
    check_settings(checks);
    check_shared_memory(checks);
    check_ledgers(checks);
    check_kernel(checks);
    check_namespaces(checks);
    for (Check& check : check_command(command))
        checks.push_back(std::move(check));
    for (Check& check : kernel_leftovers(Knowledge()))
        checks.push_back(std::move(check));
    return checks;
}

}  // namespace leakshim::tools
