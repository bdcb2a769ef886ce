// SPDX-License-Identifier: MIT
//
// What others use: processes outside the session (and those of it that live on), and other live sessions.
// Whatever they hold is spared. Internal to this directory.
#pragma once

#include "reaping.h"

namespace leakshim::reap {

/// Looks once, when it is first asked; files are compared by device and inode, so that neither a mount name
/// space nor a rename hides a use. A process that may not be looked into (another user's) is only seen by
/// what it owns.
class Outsiders {
  public:
    explicit Outsiders(Reaping& reaping) : r_(reaping) {}

    /// Looks, if nobody has yet. True when it did so now.
    bool look();
    /// True when somebody has the file open, as working directory, or as a bound socket, or when another live
    /// session recorded it, or a record of ours is kept there.
    bool use(const FileId& id);
    /// True when `name` in `directory` is the file of a socket that somebody bound by a relative name. use()
    /// does not know those: who bound it may have another working directory by now.
    bool serve(int directory, const char* name, const FileFacts& facts);
    /// As use(), or mapped into somebody's memory. The first call reads everybody's maps.
    bool use_or_map(const FileId& id);
    /// True when another live session recorded the System V object.
    bool record(Kind kind, int id);
    /// True when a process of that number lives and is not the caller.
    bool alive(int pid);

    /// Spares a file of our own as if somebody else used it.
    void spare(const FileId& id) { used_.insert(file_key(id)); }

  private:
    void look_at(int pid);
    void look_at_maps();
    void look_at_sockets(int pid);
    void note_relative(Str name, u64 type);
    void look_at_ledgers();
    void look_at_other_scopes();
    void look_at_self();
    void look_at_ledger(int fd);
    template <typename Visit>
    void for_each_other(Visit visit);

    Reaping& r_;
    bool looked_ = false;
    bool maps_looked_ = false;
    HashMap used_;      ///< files
    HashMap sockets_;   ///< inodes of sockets, as in /proc/net/unix
    HashMap spaces_;    ///< network name spaces whose table was read
    HashMap relative_;  ///< hashes of the last components of relative names that sockets are bound to, each
                        ///< with the types of these sockets, as bits
    HashMap ipc_;
};

}  // namespace leakshim::reap
