// SPDX-License-Identifier: MIT
#include "small_tree.h"

#include <dirent.h>
#include <errno.h>

#include "tree.h"

namespace leakshim::reap {

namespace {

constexpr size_t kMaxDirectories = 24;  // all open at once
constexpr u64 kMaxEntries = 500;
constexpr u32 kOwnerAll = 0700;
constexpr long kLargestEntry = 512;  // of getdents64(2): a name of 255 bytes and what stands before it
constexpr int kReadDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

bool same_file(const FileId& one, const FileId& other) {
    return one.dev == other.dev && one.ino == other.ino && one.birth == other.birth;
}

}  // namespace

/// Opens a directory, and reads what is in it. False for what is not to be removed, or not in this way.
bool SmallTree::add(int dirfd, const char* name, u32 above) {
    // No fallback where openat2(2) is missing: the general walk has one.
    int fd = r_.kernel.open_beneath(dirfd, name, kReadDirectory);
    if (fd < 0) return false;
    FileFacts facts;
    bool fit = r_.kernel.entry_facts(fd, "", facts) == 0 && (facts.mode & kOwnerAll) == kOwnerAll;
    if (directories_.empty())
        fit = fit && same_file(facts.id, top_.id) && facts.uid == top_.uid;
    else
        fit = fit && may_remove(r_, outsiders_, top_, young_, facts);
    Directory directory{fd, above, 0, 0, 0, facts.blocks};
    if (fit && read(directory) && directories_.push(directory)) return true;
    r_.kernel.close(fd);
    return false;
}

/// One call most often gives all names and room to spare, so there are no more. On a file system that gives
/// less at a time the directory does not come out empty, and the general walk does the rest.
bool SmallTree::read(Directory& directory) {
    char* block = r_.buffers.block;
    constexpr long kSize = sizeof r_.buffers.block;
    long got = r_.kernel.read_entries(directory.fd, block, kSize);
    if (got < 0 || got > kSize - kLargestEntry) return false;
    directory.first = static_cast<u32>(names_.size());
    for (long at = 0; at < got;) {
        const auto* entry = reinterpret_cast<const DirectoryEntry*>(block + at);
        at += entry->size;
        Str name = entry->name;
        if (name == "." || name == "..") continue;
        auto type = static_cast<char>(entry->type);
        if (type == DT_UNKNOWN || ++entries_ > kMaxEntries) return false;
        if (names_.append(&type, 1) == ~size_t{0}) return false;
        if (names_.append(name.data(), name.size() + 1) == ~size_t{0}) return false;
    }
    directory.end = static_cast<u32>(names_.size());
    return true;
}

bool SmallTree::plan_below(u32 index) {
    for (u32 at = directories_[index].first; at < directories_[index].end;) {
        bool is_directory = names_[at] == DT_DIR;
        u32 name = at + 1;
        at = name + static_cast<u32>(Str(&names_[name]).size()) + 1;
        if (!is_directory) continue;
        if (directories_.size() == kMaxDirectories) return false;
        // By its place and not by its address: the array may move as it grows.
        Text<300> copy;
        copy.add(&names_[name]);
        if (!add(directories_[index].fd, copy.c_str(), index)) return false;
        directories_.back().name = name;
    }
    return true;
}

bool SmallTree::holds_work_tree() {
    const Directory& top = directories_[0];
    for (u32 at = top.first; at < top.end;) {
        Str name = &names_[at + 1];
        at += static_cast<u32>(name.size()) + 2;
        if (is_work_tree_mark(name)) return true;
    }
    return false;
}

bool SmallTree::plan(int parent, const char* name, bool shared) {
    if (!add(parent, name, 0) || (shared && holds_work_tree())) return false;
    for (u32 i = 0; i < directories_.size(); ++i) {
        if (!plan_below(i)) return false;
    }
    return entries_ < r_.options.tree_limit;
}

/// Unlinks all but the directories in it, which are gone already.
bool SmallTree::empty(const Directory& directory) {
    for (u32 at = directory.first; at < directory.end;) {
        bool is_directory = names_[at] == DT_DIR;
        const char* name = &names_[at + 1];
        at += static_cast<u32>(Str(name).size()) + 2;
        if (is_directory) continue;
        FileFacts facts;
        int answer = r_.kernel.entry_facts(directory.fd, name, facts);
        if (answer == -ENOENT) continue;
        if (answer != 0 || S_ISDIR(facts.mode) || !may_remove(r_, outsiders_, top_, young_, facts))
            return false;
        if (outsiders_.serve(directory.fd, name, facts)) return false;
        answer = r_.kernel.unlink(directory.fd, name);
        if (answer != 0 && answer != -ENOENT) return false;
        if (answer == 0) r_.count_freed(facts);
    }
    return true;
}

/// From the last directory to the first, so each comes after those that lie in it.
bool SmallTree::remove_all(int parent, const char* name) {
    for (size_t i = directories_.size(); i-- != 0;) {
        const Directory& directory = directories_[i];
        if (!empty(directory)) return false;
        int above = i == 0 ? parent : directories_[directory.parent].fd;
        int answer = r_.kernel.rmdir(above, i == 0 ? name : &names_[directory.name]);
        if (answer != 0 && answer != -ENOENT) return false;
        if (answer == 0) r_.count_freed(directory.blocks);
    }
    return true;
}

bool SmallTree::remove(int parent, const char* name, const FileFacts& top, bool shared) {
    top_ = top;
    entries_ = 0;
    names_.truncate(0);
    bool done = plan(parent, name, shared);
    // Reading took a moment. The inode can't have been given to another file since: it is held open.
    FileFacts now;
    done = done && r_.kernel.entry_facts(parent, name, now) == 0 && same_file(now.id, top.id) &&
           remove_all(parent, name);
    for (const Directory& directory : directories_)
        r_.kernel.close(directory.fd);
    directories_.truncate(0);
    return done;
}

}  // namespace leakshim::reap
