// SPDX-License-Identifier: MIT
#include "process_facts.h"

#include <dirent.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <memory>
#include <sstream>

#include "proc.h"
#include "sys.h"

namespace leakshim::tools {

namespace {

/// A start time is rounded down to the clock's tick, and what first saw the process had to be scheduled.
constexpr u64 kStartSlack = kSecond;

std::string read_whole(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    return content.str();
}

std::string read_link(const std::string& path) {
    std::string target(4096, '\0');
    ssize_t size = readlink(path.c_str(), target.data(), target.size());
    target.resize(size < 0 ? 0 : static_cast<size_t>(size));
    return target;
}

/// Descriptors that say nothing about what a process holds.
bool is_standard_device(std::string_view path) {
    return path == "/dev/null" || path == "/dev/zero" || path == "/dev/urandom" || path == "/dev/random" ||
           path == "/dev/tty" || path.starts_with("/dev/pts/");
}

/// `socket:[4711]` and the like.
std::optional<u64> inode_in(std::string_view target, std::string_view prefix) {
    if (!target.starts_with(prefix) || !target.ends_with("]")) return std::nullopt;
    u64 inode = 0;
    target.remove_prefix(prefix.size());
    target.remove_suffix(1);
    auto [end, error] = std::from_chars(target.data(), target.data() + target.size(), inode);
    if (error != std::errc{} || end != target.data() + target.size()) return std::nullopt;
    return inode;
}

/// 1: alive, 0: dead or another process, -1: the kernel can't tell by a pidfd.
int alive_by_pidfd(const ProcessIdentity& identity) {
    int fd = sys::pidfd_open(identity.pid);
    if (fd == -ESRCH || fd == -EINVAL) return 0;
    if (fd < 0) return -1;
    struct stat st {};
    bool same = fstat(fd, &st) == 0 && (identity.pidfd_inode == 0 || st.st_ino == identity.pidfd_inode);
    struct pollfd dead = {fd, POLLIN, 0};
    bool lives = poll(&dead, 1, 0) == 0;
    close(fd);
    if (!same || !lives) return 0;
    return identity.pidfd_inode != 0 ? 1 : -1;
}

}  // namespace

bool is_alive(const ProcessIdentity& identity) {
    if (identity.pid <= 0) return false;
    int answer = alive_by_pidfd(identity);
    if (answer == 0) return false;
    ProcessStat stat;
    if (!read_process_stat(identity.pid, stat)) return answer > 0;  // /proc may be hidden from us
    if (stat.dead()) return false;
    if (answer > 0) return true;
    if (identity.start != 0) return stat.start == identity.start;
    return identity.born == 0 || stat.start <= identity.born + kStartSlack;
}

u64 own_pid_namespace() {
    struct stat st {};
    return stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
}

std::string own_boot_id() {
    std::string id = read_whole("/proc/sys/kernel/random/boot_id");
    while (!id.empty() && id.back() == '\n')
        id.pop_back();
    return id;
}

const HoldsReader::SocketTable& HoldsReader::sockets_seen_by(int pid) {
    std::string space = read_link(fmt::format("/proc/{}/ns/net", pid));
    auto [entry, is_new] = tables_.try_emplace(space);
    if (!is_new) return entry->second;
    SocketTable table;
    for (const char* kind : {"tcp", "tcp6", "udp", "udp6", "unix"}) {
        parse_socket_table(kind, read_whole(fmt::format("/proc/{}/net/{}", pid, kind)), table);
    }
    return entry->second = std::move(table);
}

/// Of a pipe or socket the name tells the inode; only what may be a stream of the run is looked at.
void HoldsReader::look_for_output(const std::string& link, const std::string& target, Holds& holds) const {
    std::optional<u64> inode = inode_in(target, "pipe:[");
    if (!inode) inode = inode_in(target, "socket:[");
    auto may_be = [&](const FileId& stream) {
        return stream.known() && (inode ? *inode == stream.ino : target.starts_with('/'));
    };
    if (!may_be(output_.of(1)) && !may_be(output_.of(2))) return;
    struct statx st {};
    unsigned mask = STATX_TYPE | STATX_INO | STATX_BTIME;
    if (sys::statx(AT_FDCWD, link.c_str(), AT_NO_AUTOMOUNT, mask, &st) != 0) return;
    bool has_birth = (st.stx_mask & STATX_BTIME) != 0;
    u64 birth = has_birth ? static_cast<u64>(st.stx_btime.tv_sec) * kSecond + st.stx_btime.tv_nsec : 0;
    for (int fd = 1; fd <= 2; ++fd) {
        const FileId& stream = output_.of(fd);
        u64 dev = static_cast<u64>(st.stx_dev_major) << 32 | st.stx_dev_minor;
        if (stream.known() && stream.ino == st.stx_ino && stream.dev == dev && stream.birth == birth)
            holds.output.of(fd) = ledger::stream_kind(st.stx_mode, target);
    }
}

Holds HoldsReader::of(int pid) {
    Holds holds;
    std::string directory = fmt::format("/proc/{}/fd", pid);
    std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(directory.c_str()), closedir);
    if (open == nullptr) return holds;
    const SocketTable& table = sockets_seen_by(pid);
    while (const dirent* entry = readdir(open.get())) {
        u64 fd = 0;
        if (!parse_decimal(entry->d_name, fd)) continue;
        std::string link = fmt::format("{}/{}", directory, entry->d_name), target = read_link(link);
        look_for_output(link, target, holds);
        if (std::optional<u64> inode = inode_in(target, "socket:[")) {
            auto known = table.find(*inode);
            SocketFacts socket = known == table.end() ? SocketFacts{} : known->second;
            socket.fd = static_cast<int>(fd);
            holds.sockets.push_back(std::move(socket));
        } else if (target.starts_with('/') && !is_standard_device(target)) {
            holds.files.push_back(std::move(target));
        }
    }
    std::sort(holds.files.begin(), holds.files.end());
    holds.files.erase(std::unique(holds.files.begin(), holds.files.end()), holds.files.end());
    std::sort(holds.sockets.begin(), holds.sockets.end(),
              [](const SocketFacts& a, const SocketFacts& b) { return a.fd < b.fd; });
    return holds;
}

}  // namespace leakshim::tools
