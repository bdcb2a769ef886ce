// SPDX-License-Identifier: MIT
//
// What a process can say of itself when the shim is loaded, found without libc.
#pragma once

#include "session.h"

namespace leakshim::session {

/// What the kernel says of a process through a pidfd, without /proc, where the files of every process are
/// made when they are first asked for. The pidfd is closed when the scope ends.
class PidIdentity {
  public:
    explicit PidIdentity(int pid);
    ~PidIdentity();
    PidIdentity(const PidIdentity&) = delete;
    PidIdentity& operator=(const PidIdentity&) = delete;

    /// Of the pidfd: unique for each process of a boot where there is pidfs (Linux 6.9), else 0.
    u64 inode() const { return inode_; }
    /// As pid_namespace() (Linux 6.11), else 0.
    u64 space() const;

  private:
    int fd_;
    u64 inode_ = 0;
};
inline u64 pidfd_inode_of(int pid) {
    return PidIdentity(pid).inode();
}

/// Inode of /proc/self/ns/pid, 0 when it can't be read.
u64 pid_namespace();

/// The arguments, NUL after each, cut to what fits.
Str command_line(const Startup& startup, TextBuffer& to);

/// The same where they lie, one behind the other as the kernel puts them (execve(2)); empty where they don't.
Str command_line_in_place(const Startup& startup);

/// Value of a variable (`key` with its `=`), from the startup environment or else from /proc; it may lie in
/// `to`.
Str variable(const Startup& startup, Str key, char* to, size_t size);

/// Reads all settings; their texts are copied, since a program that sets its title writes over its
/// environment.
void read_settings(Session& session, const Startup& startup, TextBuffer& complaints);

/// Fills preload_entry: how our library shall stand in the LD_PRELOAD of descendants.
void remember_preload(Session& session, const Startup& startup);

/// Fills session_entry for the ledger at `path`.
void remember_session(Session& session, Str path);

/// Writes each line of `text` to stderr, with our name before it; of a text that was cut, the whole lines.
void complain(const TextBuffer& text);

}  // namespace leakshim::session
