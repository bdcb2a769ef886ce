// SPDX-License-Identifier: MIT
//
// Removing a directory tree of the session's. Internal to this directory.
//
// Guarantees: no symlink is followed, no mount is crossed, nothing is named by a path (a walk goes by
// descriptors from the directory that the caller pinned); names may be any bytes, depth is bounded by memory
// alone, at most about forty descriptors are open; no mode is changed but that of the tree's own directories,
// through their own descriptors. Spared, with the directories above them: what another user owns, what others
// use, what is younger than the session's end, and what is older than the session (somebody moved it here)
// unless it has another name elsewhere.
#pragma once

#include "outsiders.h"

namespace leakshim::reap {

/// True for what may be removed as part of the tree `top`. `young`: birth time (ns since the epoch) above
/// which a thing is not the session's.
bool may_remove(Reaping& reaping, Outsiders& outsiders, const FileFacts& top, u64 young,
                const FileFacts& facts);

/// True for the name that makes a directory a version-control work tree.
bool is_work_tree_mark(Str name);

class Tree {
  public:
    /// `parent` is a descriptor of the directory that has the tree as `name`; `facts` what was found there.
    /// `young`: birth time (ns since the epoch) above which a thing is not the session's.
    Tree(Reaping& reaping, Outsiders& outsiders, int parent, const char* name, const FileFacts& facts,
         u64 young)
        : r_(reaping), outsiders_(outsiders), parent_(parent), name_(name), top_(facts), young_(young) {}

    /// True when the tree has more than `limit` entries. Changes nothing.
    bool is_larger_than(u64 limit);
    /// True when it is a version-control work tree itself.
    bool is_work_tree();
    /// Removes what may be removed, and says how it went: Outcome::removed when nothing is left.
    Outcome remove();

  private:
    /// A directory on the way down. Its names lie in `names_`, from `next` to `end`.
    struct Frame {
        u64 dev, ino, blocks;
        size_t name;  ///< where its own name lies in `names_`
        size_t first, next, end;
        int fd;       ///< -1: closed for now, found again through `..`
        bool spared;  ///< something below it stays
    };

    bool walk(bool removing, u64 limit);
    bool enter(int dirfd, const char* name, const FileFacts& facts, size_t name_at, bool removing);
    int open_directory(int dirfd, const char* name, const FileFacts& facts, bool removing);
    int open_checked(int dirfd, const char* name, int flags);
    bool read_names(Frame& frame);
    bool leave(bool removing);
    bool step(bool removing);
    bool visit(Frame& frame, const char* name, size_t name_at, u8 type, bool removing);
    void fail(int error);
    void close_all();
    int reopen_parent(const Frame& below, Frame& above);

    Reaping& r_;
    Outsiders& outsiders_;
    const int parent_;
    const char* const name_;
    const FileFacts top_;
    const u64 young_;
    Array<Frame> frames_;
    Array<char> names_;  ///< a type byte and a NUL-terminated name each
    u64 count_ = 0;
    u64 removed_ = 0;
    u64 spared_ = 0;
    int error_ = 0;  ///< the first refusal
    enum class Mounts : u8 {
        unknown,
        none,
        below
    } mounts_ = Mounts::unknown;  ///< asked where openat2(2) is missing
    Outcome stop_reason_ = Outcome::none;
};

}  // namespace leakshim::reap
