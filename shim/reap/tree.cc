// SPDX-License-Identifier: MIT
#include "tree.h"

#include <dirent.h>
#include <errno.h>

#include "mounts.h"
#include "things.h"

namespace leakshim::reap {

namespace {

constexpr size_t kOpenFrames =
    32;                           // directories kept open on the way down; deeper ones are found through `..`
constexpr u64 kClockEvery = 256;  // entries between two looks at the clock
constexpr u32 kOwnerAll = 0700;
constexpr int kReadDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
constexpr const char* kWorkTreeMarks[] = {".git", ".hg", ".svn", ".jj", ".bzr"};

}  // namespace

bool is_work_tree_mark(Str name) {
    for (const char* mark : kWorkTreeMarks) {
        if (name == mark) return true;
    }
    return false;
}

bool may_remove(Reaping& reaping, Outsiders& outsiders, const FileFacts& top, u64 young,
                const FileFacts& facts) {
    const ledger::Header& header = reaping.header();
    if (!reaping.is_member(facts.uid) || facts.mount_root) return false;
    if (facts.id.dev != top.id.dev || (top.mount != 0 && facts.mount != top.mount)) return false;
    if (facts.id.birth != 0) {
        if (facts.id.birth > young) return false;
        // Older than the session: moved here. Of a hard link (a package cache's) the other name stays.
        bool older = is_older(header, facts.id);
        if (older && (S_ISDIR(facts.mode) || facts.links < 2)) return false;
    }
    return !outsiders.use(facts.id);
}

void Tree::fail(int error) {
    if (error_ == 0) error_ = error;
    ++spared_;
}

/// Opens an entry without leaving the mount or following a symlink.
int Tree::open_checked(int dirfd, const char* name, int flags) {
    int fd = r_.kernel.open_beneath(dirfd, name, flags);
    // Filters of old container run-times answer EPERM to a system call that they don't know.
    if (fd != -ENOSYS && fd != -EPERM) return fd;
    if (mounts_ == Mounts::unknown) {
        mounts_ = has_mounts_below(r_, parent_, name_) ? Mounts::below : Mounts::none;
    }
    return mounts_ == Mounts::below ? -EXDEV : r_.kernel.open(dirfd, name, flags);
}

/// A descriptor of the very directory that `facts` are about, which can be read and, when removing, written
/// to.
int Tree::open_directory(int dirfd, const char* name, const FileFacts& facts, bool removing) {
    bool locked = (facts.mode & kOwnerAll) != kOwnerAll && r_.kernel.uid() != 0;
    if (!locked || !removing) {
        int fd = open_checked(dirfd, name, kReadDirectory);
        if (fd < 0) return fd;
        FileFacts now;
        if (r_.kernel.entry_facts(fd, "", now) == 0 && now.id.ino == facts.id.ino &&
            now.id.dev == facts.id.dev) {
            return fd;
        }
        r_.kernel.close(fd);
        return -ESTALE;
    }
    int pin = open_checked(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (pin < 0) return pin;
    FileFacts now;
    int answer = r_.kernel.entry_facts(pin, "", now);
    if (answer == 0 && (now.id.ino != facts.id.ino || now.id.dev != facts.id.dev)) answer = -ESTALE;
    if (answer == 0) answer = r_.kernel.chmod_directory(pin, (facts.mode & 07777) | kOwnerAll);
    if (answer == 0) answer = r_.kernel.open(pin, ".", kReadDirectory);
    r_.kernel.close(pin);
    return answer;
}

bool Tree::read_names(Frame& frame) {
    NameReader reader(r_, frame.fd);
    const char* name = nullptr;
    u8 type = 0;
    frame.first = frame.next = names_.size();
    while (reader.next(name, type)) {
        auto mark = static_cast<char>(type);
        if (names_.append(&mark, 1) == ~size_t{0}) return false;
        if (names_.append(name, Str(name).size() + 1) == ~size_t{0}) return false;
    }
    frame.end = names_.size();
    return reader.error() == 0;
}

/// Goes down into a directory. False when it can't be entered; then it stays.
bool Tree::enter(int dirfd, const char* name, const FileFacts& facts, size_t name_at, bool removing) {
    int fd = open_directory(dirfd, name, facts, removing);
    if (fd < 0) {
        fail(fd);
        return false;
    }
    Frame frame{facts.id.dev, facts.id.ino, facts.blocks, name_at, 0, 0, 0, fd, false};
    if (!read_names(frame) || !frames_.push(frame)) {
        r_.kernel.close(fd);
        names_.truncate(frame.first);
        fail(-EIO);
        return false;
    }
    size_t depth = frames_.size();
    if (depth > kOpenFrames) {
        Frame& above = frames_[depth - 2];
        r_.kernel.close(above.fd);
        above.fd = -1;
    }
    return true;
}

/// The directory above, through `..`, if it still is the one that we came from.
int Tree::reopen_parent(const Frame& below, Frame& above) {
    int fd = r_.kernel.open(below.fd, "..", kReadDirectory);
    if (fd < 0) return fd;
    FileFacts facts;
    if (r_.kernel.entry_facts(fd, "", facts) != 0 || facts.id.dev != above.dev || facts.id.ino != above.ino) {
        r_.kernel.close(fd);
        return -ESTALE;
    }
    above.fd = fd;
    return fd;
}

/// Goes up again and removes the directory that was left. False when the way up is lost.
bool Tree::leave(bool removing) {
    Frame frame = frames_.back();
    size_t depth = frames_.size();
    int above = parent_;
    if (depth > 1) {
        Frame& upper = frames_[depth - 2];
        above = upper.fd >= 0 ? upper.fd : reopen_parent(frame, upper);
        upper.spared = upper.spared || frame.spared;
    }
    frames_.truncate(depth - 1);
    r_.kernel.close(frame.fd);
    names_.truncate(frame.first);
    if (above < 0) {
        fail(above);
        return false;
    }
    if (!removing || frame.spared) return true;
    const char* name = depth > 1 ? &names_[frame.name] : name_;
    int answer = r_.kernel.rmdir(above, name);
    if (answer == 0) r_.count_freed(frame.blocks);
    if (answer == 0 || answer == -ENOENT) {
        ++removed_;
        return true;
    }
    // Not empty: somebody has made something in it since its names were read.
    fail(answer);
    if (depth > 1) frames_.back().spared = true;
    return true;
}

/// Looks at one entry. True when it was a directory that is now being walked.
bool Tree::visit(Frame& frame, const char* name, size_t name_at, u8 type, bool removing) {
    ++count_;
    if (!removing && type != DT_DIR && type != DT_UNKNOWN) return false;
    FileFacts facts;
    int answer = r_.kernel.entry_facts(frame.fd, name, facts);
    if (answer == -ENOENT) return false;
    if (answer == 0 && !removing) return S_ISDIR(facts.mode) && enter(frame.fd, name, facts, name_at, false);
    if (answer != 0 || !may_remove(r_, outsiders_, top_, young_, facts) ||
        outsiders_.serve(frame.fd, name, facts)) {
        if (answer != 0)
            fail(answer);
        else
            ++spared_;
        frame.spared = true;
        return false;
    }
    if (S_ISDIR(facts.mode)) {
        bool entered = enter(frame.fd, name, facts, name_at, true);
        if (!entered) frame.spared = true;
        return entered;
    }
    answer = r_.kernel.unlink(frame.fd, name);
    if (answer == 0) r_.count_freed(facts);
    if (answer == 0 || answer == -ENOENT) {
        ++removed_;
    } else {
        fail(answer);
        frame.spared = true;
    }
    return false;
}

/// One entry, or one directory's end. False when the walk is over.
bool Tree::step(bool removing) {
    Frame& frame = frames_.back();
    if (frame.next >= frame.end) return leave(removing) && !frames_.empty();
    size_t name_at = frame.next + 1;
    auto type = static_cast<u8>(names_[frame.next]);
    const char* name = &names_[name_at];
    frame.next = name_at + Str(name).size() + 1;
    visit(frame, name, name_at, type, removing);
    return true;
}

bool Tree::walk(bool removing, u64 limit) {
    count_ = 1;
    if (!enter(parent_, name_, top_, 0, removing)) return false;
    bool within = true;
    while (step(removing)) {
        within = count_ <= limit;
        bool late = count_ % kClockEvery == 0 && r_.out_of_time();
        if (!within || late) {
            stop_reason_ = within ? Outcome::out_of_time : Outcome::brake_size;
            break;
        }
    }
    close_all();
    return within;
}

void Tree::close_all() {
    for (Frame& frame : frames_) {
        if (frame.fd >= 0) r_.kernel.close(frame.fd);
    }
    frames_.truncate(0);
    names_.truncate(0);
}

bool Tree::is_larger_than(u64 limit) {
    bool larger = !walk(false, limit) && stop_reason_ == Outcome::brake_size;
    spared_ = 0, error_ = 0, stop_reason_ = Outcome::none;
    return larger;
}

bool Tree::is_work_tree() {
    int fd = open_checked(parent_, name_, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (fd < 0) return true;  // what can't be told is refused
    bool found = false;
    for (const char* mark : kWorkTreeMarks) {
        FileFacts facts;
        found = found || r_.kernel.entry_facts(fd, mark, facts) == 0;
    }
    r_.kernel.close(fd);
    return found;
}

Outcome Tree::remove() {
    // Counting may have taken a while.
    FileFacts now;
    int answer = r_.kernel.facts(parent_, name_, now);
    if (answer != 0 || compare(top_.id, now.id) != policy::Facts::Now::same) return Outcome::changed_identity;
    walk(true, r_.options.tree_limit);
    if (stop_reason_ != Outcome::none) return stop_reason_;
    if (spared_ == 0) return Outcome::removed;
    if (error_ == -EACCES || error_ == -EPERM || error_ == -EROFS) return Outcome::no_permission;
    if (error_ != 0 && error_ != -ENOTEMPTY && error_ != -EXDEV && error_ != -ESTALE)
        return Outcome::system_error;
    return removed_ != 0 ? Outcome::partly_spared : Outcome::not_ours_anymore;
}

}  // namespace leakshim::reap
