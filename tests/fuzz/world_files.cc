// SPDX-License-Identifier: MIT
//
// The file system of the machine in memory, and its /proc.
#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "world.h"

namespace leakshim::fuzz {

namespace {

constexpr int kErrors[] = {EPERM, ENOENT, EIO, EACCES, ENOMEM, EMFILE, EBUSY, ENOSYS};

/// The first component of a path, taken off it.
std::string_view next_part(std::string_view& path) {
    while (!path.empty() && path.front() == '/')
        path.remove_prefix(1);
    size_t end = std::min(path.find('/'), path.size());
    std::string_view part = path.substr(0, end);
    path.remove_prefix(end);
    return part;
}

void fill(const Node& node, FileFacts& facts) {
    facts = FileFacts{};
    facts.id = node.id, facts.mode = node.mode, facts.uid = node.uid;
    facts.links = node.links, facts.mount = node.mount;
    facts.mount_root = node.parent != nullptr && node.parent->mount != node.mount;
}

}  // namespace

World::Open* World::handle(int fd) {
    auto found = handles_.find(fd);
    return found == handles_.end() ? nullptr : &found->second;
}

int World::hand_out(Open open) {
    int fd = next_fd_++;
    handles_.emplace(fd, std::move(open));
    return fd;
}

/// The node of a path; intermediate links lead to /home. nullptr when there is none.
Node* World::resolve(int dirfd, std::string_view path, bool follow_last) {
    Node* at = &root_;
    if (path.empty() || path.front() != '/') {
        Open* from = handle(dirfd);
        at = from == nullptr ? nullptr : from->node;
    }
    while (at != nullptr) {
        std::string_view part = next_part(path);
        if (part.empty()) break;
        if (S_ISLNK(at->mode)) at = walk("/home/you");
        if (part == ".") continue;
        if (part == "..") {
            at = at->parent != nullptr ? at->parent : at;
            continue;
        }
        auto child = at->children.find(std::string(part));
        at = child == at->children.end() ? nullptr : child->second.get();
    }
    if (at != nullptr && follow_last && S_ISLNK(at->mode)) at = walk("/home/you");
    return at;
}

int World::open_proc(std::string_view path) {
    Open open;
    next_part(path);
    std::string pid(next_part(path));
    if (pid.empty()) {
        for (auto& process : processes_) {
            if (!process->dead) open.names.push_back(std::to_string(process->pid));
        }
        open.listed = true;
        return hand_out(std::move(open));
    }
    if (pid == "sys") {
        open.text = "11111111-2222-4333-8444-555555555555\n";
        return hand_out(std::move(open));
    }
    Process* process = find(atoi(pid.c_str()));
    if (process == nullptr) return -ENOENT;
    std::string_view what = next_part(path);
    if (what == "fd") {
        open.pid_of_fds = process->pid, open.listed = true;
        for (auto [fd, inode] : process->sockets)
            open.names.push_back(std::to_string(fd));
    } else if (path == "/unix") {
        open.text = unix_table;
    } else if (what == "mountinfo") {
        open.text = "22 1 8:1 / / rw - ext4 /dev/root rw\n";
    } else {
        open.text = "\n";
    }
    return hand_out(std::move(open));
}

int World::open(int dirfd, const char* path, int flags) {
    if (fails()) return -kErrors[random.below(std::size(kErrors))];
    std::string_view text = path;
    if (text == "/proc" || text.substr(0, 6) == "/proc/") return open_proc(text);
    Node* node = resolve(dirfd, text, (flags & O_NOFOLLOW) == 0);
    if (node == nullptr) return -ENOENT;
    if ((flags & O_DIRECTORY) != 0 && !S_ISDIR(node->mode)) return -ENOTDIR;
    Open open;
    open.node = node;
    return hand_out(std::move(open));
}

int World::open_beneath(int dirfd, const char* name, int flags) {
    if (fails()) return -ENOSYS;
    Node* node = resolve(dirfd, name, false);
    if (node == nullptr) return -ENOENT;
    if (S_ISLNK(node->mode)) return -ELOOP;
    if (node->parent != nullptr && node->parent->mount != node->mount) return -EXDEV;
    return open(dirfd, name, flags | O_NOFOLLOW);
}

int World::close(int fd) {
    if (handles_.erase(fd) == 0) accuse("close of a descriptor that is not open");
    return 0;
}

long World::read(int fd, void* to, size_t size) {
    Open* open = handle(fd);
    if (open == nullptr || fails()) return -EIO;
    size_t count = std::min(size, open->text.size() - open->at);
    std::memcpy(to, open->text.data() + open->at, count);
    open->at += count;
    return static_cast<long>(count);
}

long World::read_entries(int fd, void* to, size_t size) {
    Open* open = handle(fd);
    if (open == nullptr || fails()) return -EIO;
    if (!open->listed) {
        open->listed = true;
        for (auto& [name, child] : open->node->children)
            open->names.push_back(name);
    }
    auto* out = static_cast<char*>(to);
    size_t used = 0;
    for (; open->at < open->names.size(); ++open->at) {
        const std::string& name = open->names[open->at];
        size_t length = (offsetof(dirent64, d_name) + name.size() + 1 + 7) / 8 * 8;
        if (used + length > size) break;
        auto* entry = reinterpret_cast<dirent64*>(out + used);
        entry->d_reclen = static_cast<unsigned short>(length);
        entry->d_type = DT_UNKNOWN;
        std::memcpy(entry->d_name, name.c_str(), name.size() + 1);
        used += length;
    }
    return static_cast<long>(used);
}

int World::facts(int dirfd, const char* path, FileFacts& facts) {
    return entry_facts(dirfd, path, facts);
}

int World::entry_facts(int dirfd, const char* name, FileFacts& facts) {
    if (fails()) return -EACCES;
    if (*name == '\0' && own.count(dirfd) != 0) {
        facts = FileFacts{};
        facts.mode = (own[dirfd] ? S_IFSOCK : S_IFREG) | 0777;
        return 0;
    }
    Node* node = resolve(dirfd, name, false);
    if (node == nullptr) return -ENOENT;
    fill(*node, facts);
    return 0;
}

int World::target_facts(int dirfd, const char* path, FileFacts& facts) {
    if (fails()) return -EACCES;
    facts = FileFacts{};
    Open* from = handle(dirfd);
    if (from != nullptr && from->pid_of_fds != 0) {
        Process* process = find(from->pid_of_fds);
        if (process == nullptr) return -ENOENT;
        facts.mode = S_IFSOCK | 0777, facts.id.ino = process->sockets[atoi(path)];
        return 0;
    }
    std::string_view rest = path;
    next_part(rest);
    Process* process = find(atoi(std::string(next_part(rest)).c_str()));
    if (process == nullptr || process->cwd == nullptr || rest != "/cwd") return -ENOENT;
    fill(*process->cwd, facts);
    return 0;
}

int World::remove(int dirfd, const char* name, bool directory) {
    Node* node = resolve(dirfd, name, false);
    if (node == nullptr) return -ENOENT;
    if (directory != S_ISDIR(node->mode)) return directory ? -ENOTDIR : -EISDIR;
    if (directory && !node->children.empty()) return -ENOTEMPTY;
    if (node->parent == nullptr || node->parent->mount != node->mount) return -EBUSY;
    if (node->uid != kUser && node->parent->uid != kUser) return -EPERM;
    if (fails()) return -EPERM;
    judge(*node, directory ? "rmdir" : "unlink");
    node->gone = true;
    auto place = node->parent->children.find(node->name);
    removed_.push_back(std::move(place->second));  // a descriptor may still name it
    node->parent->children.erase(place);
    return 0;
}

int World::chmod_directory(int fd, u32 mode) {
    Open* open = handle(fd);
    if (open == nullptr || open->node == nullptr) return -EBADF;
    judge(*open->node, "chmod");
    open->node->mode = S_IFDIR | mode;
    return 0;
}

int World::retire(int, int fd) {
    auto found = own.find(fd);
    if (found == own.end() || !found->second) accuse("retiring of descriptor " + std::to_string(fd));
    ++actions;
    return fd;
}

int World::descriptor_flags(int fd) {
    return own.count(fd) != 0 ? O_RDWR : -EBADF;
}

}  // namespace leakshim::fuzz
