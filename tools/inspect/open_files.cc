// SPDX-License-Identifier: MIT
#include "open_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "encoding.h"
#include "task.h"
#include "text.h"

namespace leakshim::tools {

namespace {

/// The number in `socket:[123]`, `pipe:[123]`.
std::optional<u64> inode_in(std::string_view target) {
    size_t open = target.find(":[");
    u64 inode = 0;
    if (open == target.npos || !target.ends_with(']')) return std::nullopt;
    bool is_number = parse_decimal(target.substr(open + 2, target.size() - open - 3), inode);
    return is_number ? std::optional(inode) : std::nullopt;
}

FileKind kind_of_anonymous(std::string_view name) {
    if (name == "[pidfd]") return FileKind::pidfd;
    if (name == "[eventpoll]") return FileKind::epoll;
    if (name.starts_with("[eventfd")) return FileKind::eventfd;
    if (name == "[timerfd]") return FileKind::timerfd;
    if (name == "[signalfd]") return FileKind::signalfd;
    return name == "inotify" ? FileKind::inotify : FileKind::other;
}

/// Asks no file system but those of /proc and /dev: one that hangs is not to hang us (AT_STATX_DONT_SYNC).
FileKind kind_of(const std::string& link, std::string_view target) {
    constexpr std::string_view kAnonymous = "anon_inode:";
    if (target.starts_with("pipe:[")) return FileKind::pipe;
    if (target.starts_with("socket:[")) return FileKind::socket;
    if (target.starts_with("pidfd:[")) return FileKind::pidfd;
    if (target.starts_with(kAnonymous)) return kind_of_anonymous(target.substr(kAnonymous.size()));
    if (target.starts_with("/dev/pts/") || target.starts_with("/dev/tty")) return FileKind::terminal;
    if (!target.starts_with('/')) return FileKind::other;
    struct statx facts {};
    if (statx(AT_FDCWD, link.c_str(), AT_STATX_DONT_SYNC, STATX_TYPE, &facts) != 0) return FileKind::other;
    if (S_ISFIFO(facts.stx_mode)) return FileKind::fifo;
    return S_ISREG(facts.stx_mode) || S_ISDIR(facts.stx_mode) ? FileKind::file : FileKind::other;
}

/// The lines of /proc/PID/fdinfo/FD that matter: `flags:\t0100001`, `Pid:\t42`, `tfd: 5 events: …`.
void take_info(const std::string& text, OpenFile& file) {
    for (const std::string& line : split_bytes(text, '\n')) {
        size_t colon = std::min(line.find(':'), line.size());
        std::string_view key = std::string_view(line).substr(0, colon);
        std::string_view value = std::string_view(line).substr(std::min(colon + 1, line.size()));
        while (value.starts_with(' ') || value.starts_with('\t'))
            value.remove_prefix(1);
        value = value.substr(0, value.find(' '));
        int number = 0;
        std::from_chars(value.data(), value.data() + value.size(), number, key == "flags" ? 8 : 10);
        if (key == "flags") {
            int access = number & O_ACCMODE;
            file.reads = access != O_WRONLY, file.writes = access != O_RDONLY;
        }
        if (key == "Pid") file.process = std::max(number, 0);
        if (key == "tfd") file.watched.push_back(number);
    }
}

/// The numbers of a process's descriptors; false when they may not be seen.
bool list_descriptors(int pid, std::vector<int>& to) {
    std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(fmt::format("/proc/{}/fd", pid).c_str()), closedir);
    if (directory == nullptr) return errno != EACCES && errno != EPERM;
    errno = 0;
    while (const dirent* entry = readdir(directory.get())) {
        u64 fd = 0;
        if (parse_decimal(entry->d_name, fd)) to.push_back(static_cast<int>(fd));
    }
    std::sort(to.begin(), to.end());
    return errno != EACCES && errno != EPERM;
}

/// `address:port` both ways, by inode, of the TCP sockets in the network namespace of `pid`.
struct Connection {
    std::string local, remote;
};
absl::flat_hash_map<u64, Connection> connections_near(int pid) {
    absl::flat_hash_map<u64, Connection> connections;
    for (const char* table : {"tcp", "tcp6"}) {
        constexpr size_t kMostTable = 64 << 20;
        std::string text = read_small(fmt::format("/proc/{}/net/{}", pid, table), kMostTable);
        for (const std::string& line : split_bytes(text, '\n')) {
            std::vector<std::string> words;
            for (std::string& word : split_bytes(line, ' ')) {
                if (!word.empty()) words.push_back(std::move(word));
            }
            u64 inode = 0;
            constexpr const char* kConnected = "01";
            if (words.size() < 10 || words[3] != kConnected || !parse_decimal(words[9], inode)) continue;
            if (inode != 0) connections[inode] = {words[1], words[2]};
        }
    }
    return connections;
}

}  // namespace

std::string_view file_kind_name(FileKind kind) {
    constexpr std::string_view kNames[] = {"pipe",    "fifo",     "socket",  "terminal",
                                           "file",    "pidfd",    "epoll",   "eventfd",
                                           "timerfd", "signalfd", "inotify", "descriptor"};
    return kNames[static_cast<int>(kind)];
}

std::optional<OpenFile> open_file(int pid, int fd) {
    OpenFile file;
    file.pid = pid, file.fd = fd;
    std::string link = fmt::format("/proc/{}/fd/{}", pid, fd);
    file.target = link_target(link);
    if (file.target.empty()) return std::nullopt;
    file.kind = kind_of(link, file.target);
    if (file.kind == FileKind::socket) file.inode = inode_in(file.target);
    take_info(read_small(fmt::format("/proc/{}/fdinfo/{}", pid, fd)), file);
    return file;
}

std::vector<OpenFile> open_files_of(int pid) {
    std::vector<int> numbers;
    std::vector<OpenFile> files;
    list_descriptors(pid, numbers);
    for (int fd : numbers) {
        if (auto file = open_file(pid, fd)) files.push_back(std::move(*file));
    }
    return files;
}

void OpenFiles::scan() {
    if (scanned_) return;
    scanned_ = true;
    int self = getpid();
    for (int pid : all_processes()) {
        std::vector<int> numbers;
        if (pid == self) continue;
        if (!list_descriptors(pid, numbers)) ++unseen_;
        for (int fd : numbers) {
            std::string target = link_target(fmt::format("/proc/{}/fd/{}", pid, fd));
            if (!target.empty()) holders_[target].push_back({pid, fd});
        }
    }
}

std::vector<OpenFile> OpenFiles::holders_of(const std::string& target) {
    std::vector<OpenFile> files;
    scan();
    auto holders = holders_.find(target);
    if (holders == holders_.end()) return files;
    for (const Holder& holder : holders->second) {
        auto file = open_file(holder.pid, holder.fd);
        if (file && file->target == target) files.push_back(std::move(*file));
    }
    return files;
}

std::vector<OpenFile> OpenFiles::sharers_of(const OpenFile& file) {
    bool shared = file.kind == FileKind::pipe || file.kind == FileKind::fifo || file.kind == FileKind::socket;
    return shared ? holders_of(file.target) : std::vector<OpenFile>();
}

const absl::flat_hash_map<u64, SocketFacts>& OpenFiles::sockets_near(int pid) {
    std::string space = link_target(fmt::format("/proc/{}/ns/net", pid));
    auto [entry, is_new] = sockets_.try_emplace(space);
    if (!is_new) return entry->second;
    constexpr size_t kMostTable = 64 << 20;
    absl::flat_hash_map<u64, SocketFacts> table;
    for (const char* kind : {"tcp", "tcp6", "udp", "udp6", "unix"})
        parse_socket_table(kind, read_small(fmt::format("/proc/{}/net/{}", pid, kind), kMostTable), table);
    return entry->second = std::move(table);
}

SocketFacts OpenFiles::facts_of(const OpenFile& socket) {
    if (!socket.inode) return {};
    const auto& table = sockets_near(socket.pid);
    auto known = table.find(*socket.inode);
    return known == table.end() ? SocketFacts{} : known->second;
}

std::vector<OpenFile> OpenFiles::peers_of(const OpenFile& socket) {
    if (socket.kind != FileKind::socket || !socket.inode) return {};
    if (!unix_peers_) unix_peers_ = read_unix_peers();
    auto peer = unix_peers_->find(*socket.inode);
    if (peer != unix_peers_->end()) return holders_of(fmt::format("socket:[{}]", peer->second));
    auto connections = connections_near(socket.pid);
    auto own = connections.find(*socket.inode);
    if (own == connections.end()) return {};
    for (const auto& [inode, other] : connections) {
        bool is_peer = other.local == own->second.remote && other.remote == own->second.local;
        if (is_peer) return holders_of(fmt::format("socket:[{}]", inode));
    }
    return {};
}

}  // namespace leakshim::tools
