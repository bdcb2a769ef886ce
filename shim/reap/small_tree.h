// SPDX-License-Identifier: MIT
//
// Removing a small tree quickly. Most trees that a test leaves are a directory with a handful of files, and
// there may be a hundred thousand of them: read once and removed from what was read, with each directory held
// open from its first look to its end, such a tree takes half the system calls of the general walk (tree.h),
// which counts first and reads everything again.
//
// Guarantees: what Tree guarantees. Nothing is removed before the whole tree was seen to be small and no work
// tree; each file is looked at just before it is unlinked; a directory stays the one that was looked at
// because its descriptor pins the inode. Whatever is out of the ordinary (another user's file, a mount, a
// locked directory, a use by others, an error) ends this way of doing it, and the general walk decides about
// what is left.
#pragma once

#include "outsiders.h"

namespace leakshim::reap {

class SmallTree {
  public:
    /// `young`: birth time (ns since the epoch) above which a thing is not the session's.
    SmallTree(Reaping& reaping, Outsiders& outsiders, u64 young)
        : r_(reaping), outsiders_(outsiders), young_(young) {}

    /// Removes the directory `name` of `parent`, in which `top` was found. True when nothing is left of it;
    /// false when the general walk has to do it. `shared`: a work tree is to be left to the general walk as
    /// well.
    bool remove(int parent, const char* name, const FileFacts& top, bool shared);

  private:
    struct Directory {
        int fd;
        u32 parent;      ///< index of the directory that it lies in
        u32 name;        ///< of itself, in `names_`
        u32 first, end;  ///< of its entries, in `names_`
        u64 blocks;      ///< of itself, on the disk
    };

    bool plan(int parent, const char* name, bool shared);
    bool add(int dirfd, const char* name, u32 above);
    bool read(Directory& directory);
    bool plan_below(u32 index);
    bool holds_work_tree();
    bool remove_all(int parent, const char* name);
    bool empty(const Directory& directory);

    Reaping& r_;
    Outsiders& outsiders_;
    const u64 young_;
    FileFacts top_;
    u64 entries_ = 0;
    Array<Directory> directories_;  ///< each before those that lie in it
    Array<char> names_;             ///< a type byte and a NUL-terminated name each
};

}  // namespace leakshim::reap
