// SPDX-License-Identifier: MIT
#include "doctor_machine.h"

#include <errno.h>
#include <fmt/format.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys.h"
#include "task.h"

namespace leakshim::tools {

namespace {

constexpr u64 kLeastForLedgers = 1 << 20, kSmallForLedgers = 64 << 20;
constexpr u64 kLeastInodes = 16;  // a session has a few files, one after another

bool is_there(const std::string& path) {
    struct stat st {};
    return stat(path.c_str(), &st) == 0;
}

/// The directory that `path`, which is absolute, lies in.
std::string parent_of(std::string path) {
    while (path.size() > 1 && path.back() == '/')
        path.pop_back();
    path.resize(std::max<size_t>(path.rfind('/'), 1));
    return path;
}

/// Why no run can have its ledger in `wanted`, which LEAKSHIM_DIR names: a run makes the directory, and none
/// above it. Empty when one can as far as the name goes.
std::string objection_to(const std::string& wanted) {
    if (wanted.front() != '/') return "is no absolute path: nothing can be recorded";
    if (is_there(wanted) || is_there(parent_of(wanted))) return {};
    return fmt::format(
        "{} does not exist, and a run makes no more than the directory itself: nothing can be "
        "recorded",
        parent_of(wanted));
}

/// 0 when a process here can have a user namespace of its own, else why not.
int refusal_of_user_namespace() {
    pid_t child = fork();
    if (child == 0) _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : errno);
    int status = 0;
    if (child < 0) return errno;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

void check_pidfd(std::vector<Check>& to) {
    int pidfd = sys::pidfd_open(getpid());
    struct stat st {};
    constexpr u64 kPlausible = 1 << 12;
    bool numbered = pidfd >= 0 && fstat(pidfd, &st) == 0 && st.st_ino > kPlausible;
    long sent = pidfd < 0 ? pidfd : sys::call(SYS_pidfd_send_signal, pidfd, 0, 0, 0);
    if (sent < 0)
        to.push_back(
            {CheckLevel::bad,
             "pidfd",
             fmt::format("is refused ({}): nothing is killed without it", strerror(static_cast<int>(-sent))),
             "allow pidfd_open and pidfd_send_signal in the container's seccomp filter; Linux has them since "
             "5.3",
             {}});
    else
        to.push_back({CheckLevel::ok,
                      "pidfd",
                      numbered ? "works, and is numbered for each process" : "works",
                      {},
                      {}});
    if (pidfd >= 0) close(pidfd);
}

}  // namespace

void check_ledger_room(const std::string& wanted, std::vector<Check>& to) {
    std::string subject = wanted.empty() ? "/dev/shm" : wanted;
    std::string objection = wanted.empty() ? "" : objection_to(wanted);
    if (!objection.empty()) {
        to.push_back({CheckLevel::bad,
                      subject,
                      objection,
                      "let LEAKSHIM_DIR name a directory of yours by its absolute path, or unset it",
                      {}});
        return;
    }
    // What LEAKSHIM_DIR names is made when it is needed; /dev/shm is there or not.
    std::string path = wanted.empty() || is_there(wanted) ? subject : parent_of(wanted);
    struct stat st {};
    struct statvfs room {};
    if (stat(path.c_str(), &st) != 0 || statvfs(path.c_str(), &room) != 0) {
        to.push_back({CheckLevel::bad,
                      subject,
                      fmt::format("{}: nothing can be recorded", strerror(errno)),
                      "mount a tmpfs there, or set LEAKSHIM_DIR to a directory of yours",
                      {}});
        return;
    }
    u64 size = static_cast<u64>(room.f_blocks) * room.f_frsize,
        left = static_cast<u64>(room.f_bavail) * room.f_frsize;
    bool writable = access(path.c_str(), W_OK | X_OK) == 0;
    bool no_inodes = room.f_files != 0 && room.f_favail < kLeastInodes;
    bool odd_mode = wanted.empty() && (st.st_mode & 07777) != 01777;
    std::string words =
        fmt::format("{} MiB, {} of them free, mode {:04o}{}{}", size >> 20, left >> 20, st.st_mode & 07777,
                    writable ? "" : "; you can't write to it", no_inodes ? "; its inodes are gone" : "");
    if (!writable || no_inodes || left < kLeastForLedgers)
        to.push_back({CheckLevel::bad,
                      subject,
                      words,
                      wanted.empty()
                          ? "free some, make it larger (docker run --shm-size), or set LEAKSHIM_DIR"
                          : "let LEAKSHIM_DIR name another directory, or unset it",
                      {}});
    else if (odd_mode)
        to.push_back({CheckLevel::warn, subject, words + "; usual is 1777",
                      "other users may have no ledgers:", "chmod 1777 /dev/shm"});
    else
        to.push_back({CheckLevel::ok,
                      subject,
                      words + (size <= kSmallForLedgers ? "; what finds no room is counted as dropped" : ""),
                      {},
                      {}});
}

void check_kernel(std::vector<Check>& to) {
    check_pidfd(to);
    int before = 0;
    prctl(PR_GET_CHILD_SUBREAPER, &before);
    bool subreaper = prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
    prctl(PR_SET_CHILD_SUBREAPER, before);
    to.push_back({subreaper ? CheckLevel::ok : CheckLevel::warn,
                  "subreaper",
                  subreaper
                      ? "leakshim-run can be given orphans"
                      : "is refused: leakshim-run can't be given orphans, and finds fewer blind programs",
                  subreaper ? "" : "allow prctl(PR_SET_CHILD_SUBREAPER) in the container's seccomp filter",
                  {}});
    std::string scope = read_small("/proc/sys/kernel/yama/ptrace_scope");
    bool seen = scope.empty() || scope[0] == '0' || geteuid() == 0;
    to.push_back({CheckLevel::ok,
                  "ptrace",
                  seen ? "a hang can be explained down to the system call"
                       : "is limited (kernel.yama.ptrace_scope): a hang is explained from outside",
                  {},
                  {}});
}

void check_namespaces(std::vector<Check>& to) {
    bool inside = read_small("/proc/self/uid_map").find("4294967295") == std::string::npos;
    int refusal = refusal_of_user_namespace();
    to.push_back(
        {CheckLevel::ok,
         "user namespaces",
         fmt::format("{}{}",
                     refusal == 0 ? "can be made; what a test starts in one of its own is seen as long as "
                                    "it shares the pid namespace"
                                  : fmt::format("can't be made here ({}): leakshim needs none, but tests may",
                                                strerror(refusal)),
                     inside ? "; this is one already" : ""),
         {},
         {}});
    if (getppid() == 1 || getpid() == 1)
        to.push_back({CheckLevel::warn,
                      "pid 1",
                      fmt::format("is {}: a run that is pid 1 itself gets no guard",
                                  getpid() == 1 ? "this command" : "this command's parent"),
                      "start the container with an init (docker run --init), or use leakshim-run",
                      {}});
}

}  // namespace leakshim::tools
