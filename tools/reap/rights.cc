// SPDX-License-Identifier: MIT
#include "rights.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <memory>
#include <string_view>

#include "encoding.h"

namespace leakshim::tools {

namespace {

constexpr int kRightsKept = 70;  // exit status of a child that could not give them up
constexpr size_t kMaxAnswer = size_t{1} << 30;
constexpr gid_t kNoGroup = 65534;

bool has_capabilities() {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
    if (syscall(SYS_capget, &header, data) != 0) return true;
    return (data[0].effective | data[0].permitted | data[1].effective | data[1].permitted) != 0;
}

/// Becomes `uid` for good. False when any right of the caller may be left.
bool give_up_rights(uid_t uid) {
    if (uid == geteuid() && uid == getuid()) return true;
    const struct passwd* entry = getpwuid(uid);
    gid_t gid = entry != nullptr ? entry->pw_gid : kNoGroup;
    if (uid == 0 || setgroups(0, nullptr) != 0) return false;
    if (setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0) return false;
    uid_t uids[3] = {};
    gid_t gids[3] = {};
    if (getresuid(&uids[0], &uids[1], &uids[2]) != 0 || getresgid(&gids[0], &gids[1], &gids[2]) != 0)
        return false;
    for (int i = 0; i < 3; ++i) {
        if (uids[i] != uid || gids[i] != gid) return false;
    }
    return getgroups(0, nullptr) == 0 && setresuid(0, 0, 0) != 0 && !has_capabilities();
}

void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        ssize_t written = write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;
        text.remove_prefix(static_cast<size_t>(written));
    }
}

[[noreturn]] void run_child(uid_t uid, int answer, const std::function<std::string()>& work) {
    if (!give_up_rights(uid)) _exit(kRightsKept);
    write_all(answer, work());
    _exit(0);
}

std::string read_all(int fd) {
    std::string text;
    char block[65536];
    for (;;) {
        ssize_t got = read(fd, block, sizeof block);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0 || text.size() > kMaxAnswer) return text;
        text.append(block, static_cast<size_t>(got));
    }
}

}  // namespace

absl::StatusOr<std::string> run_as(uid_t uid, const std::function<std::string()>& work) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return absl::InternalError(fmt::format("no pipe: {}", strerror(errno)));
    pid_t child = fork();
    if (child < 0) return absl::InternalError(fmt::format("no process: {}", strerror(errno)));
    if (child == 0) {
        close(ends[0]);
        run_child(uid, ends[1], work);
    }
    close(ends[1]);
    // Ctrl-C is for the one who reaps: it means "at once".
    auto before = signal(SIGINT, SIG_IGN);
    std::string answer = read_all(ends[0]);
    close(ends[0]);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    signal(SIGINT, before);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return answer;
    if (WIFEXITED(status) && WEXITSTATUS(status) == kRightsKept)
        return absl::PermissionDeniedError(
            fmt::format("the rights of uid {} can't be taken on; nothing was done", uid));
    return absl::DataLossError(
        WIFSIGNALED(status)
            ? fmt::format("the work on the ledger ended by signal {}; it may be damaged", WTERMSIG(status))
            : std::string("the work on the ledger failed"));
}

absl::StatusOr<uid_t> find_user(const std::string& text) {
    if (const struct passwd* entry = getpwnam(text.c_str())) return entry->pw_uid;
    uid_t uid = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), uid);
    if (error == std::errc() && end == text.data() + text.size() && !text.empty()) return uid;
    return absl::NotFoundError(fmt::format("there is no user {}", terminal_safe(text, true)));
}

std::set<uid_t> owners_of_ledgers() {
    std::set<uid_t> owners;
    std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/dev/shm"), closedir);
    while (directory != nullptr) {
        const dirent* entry = readdir(directory.get());
        if (entry == nullptr) break;
        struct stat st {};
        if (!std::string_view(entry->d_name).starts_with("leakshim-")) continue;
        bool there = fstatat(dirfd(directory.get()), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0;
        if (there && S_ISDIR(st.st_mode)) owners.insert(st.st_uid);
    }
    return owners;
}

}  // namespace leakshim::tools
