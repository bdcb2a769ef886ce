// SPDX-License-Identifier: MIT
#include "hang_notice.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "encoding.h"
#include "file_id.h"
#include "hang.h"
#include "output.h"
#include "sessions.h"
#include "sys.h"
#include "task.h"

namespace leakshim::tools {

namespace {

constexpr int kSaid = 0, kNoLedger = 3, kNotSaid = 4;
constexpr int kStandardError = 2;
constexpr std::string_view kLedgerSuffix = ".ledger";

/// A second description of the run's own open file, which shares its offset: nothing is overwritten then,
/// whatever the file is (pidfd_getfd(2), which asks for the rights of a debugger). -1 where it is refused.
int same_description(int pid, int fd) {
    int pidfd = sys::pidfd_open(pid);
    if (pidfd < 0) return -1;
    long copy = sys::call(SYS_pidfd_getfd, pidfd, fd, 0);
    close(pidfd);
    return copy < 0 ? -1 : static_cast<int>(copy);
}

/// The same file opened anew. A regular one only where the run appends to it: else its next words would be
/// written over ours.
int opened_anew(int pid, int fd) {
    std::string link = fmt::format("/proc/{}/fd/{}", pid, fd);
    int look = open(link.c_str(), O_PATH | O_CLOEXEC);
    if (look < 0) return -1;
    struct stat st {};
    bool known = fstat(look, &st) == 0;
    close(look);
    if (!known || S_ISSOCK(st.st_mode)) return -1;
    if (S_ISREG(st.st_mode)) {
        std::string info = read_small(fmt::format("/proc/{}/fdinfo/{}", pid, fd));
        size_t flags = info.find("flags:\t");
        unsigned long bits = flags == info.npos ? 0 : std::strtoul(info.c_str() + flags + 7, nullptr, 8);
        if ((bits & O_APPEND) == 0) return -1;
    }
    return open(link.c_str(), O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

/// The root's standard error, when it still is what it was; -1 otherwise.
int standard_error_of(int pid, const FileId& at_load) {
    if (!at_load.known()) return -1;
    int fd = same_description(pid, kStandardError);
    if (fd < 0) fd = opened_anew(pid, kStandardError);
    if (fd >= 0 && file_id(fd, "") == at_load) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

int open_beside(const std::string& ledger) {
    if (!ledger.ends_with(kLedgerSuffix)) return -1;
    std::string path = ledger.substr(0, ledger.size() - kLedgerSuffix.size()) + ".hang";
    int fd = open(path.c_str(),
                  O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
    struct stat st {};
    bool plain =
        fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1;
    if (plain) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

/// Each line under our name, as everything that is said within somebody else's output.
std::string prefixed(const std::string& text) {
    std::string lines;
    for (const std::string& line : split_bytes(text, '\n')) {
        if (!line.empty()) lines += "leakshim: " + line + "\n";
    }
    return lines;
}

std::string notice_of(const Hang& hang, const std::string& waited) {
    std::string text = fmt::format("no progress for {} (the option hang)\n", terminal_safe(waited, true));
    write_hang_text(hang, Style{}, [&](std::string_view piece) { text += piece; });
    return prefixed(text);
}

}  // namespace

int give_notice(const std::string& ledger, const std::string& waited, int pid, int fd) {
    Knowledge knowledge(ledger);
    auto hang = explain_hang(pid, knowledge);
    if (!hang || hang->ended) return kSaid;
    std::string text = notice_of(*hang, waited);
    if (fd >= 0 && write_harmlessly(fd, text)) return kSaid;
    int beside = open_beside(ledger);
    bool said = beside >= 0 && write_harmlessly(beside, text);
    if (beside >= 0) close(beside);
    return said ? kSaid : kNotSaid;
}

int give_notice(const std::string& ledger, const std::string& waited) {
    auto file = LedgerFile::open(ledger);
    if (!file.ok()) return kNoLedger;
    const ledger::Header& header = (*file)->header();
    int fd = standard_error_of(header.root_pid, header.stderr_at_load);
    int status = give_notice(ledger, waited, header.root_pid, fd);
    if (fd >= 0) close(fd);
    return status;
}

}  // namespace leakshim::tools
