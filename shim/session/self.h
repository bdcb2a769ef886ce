// SPDX-License-Identifier: MIT
//
// What a process can say of itself when the shim is loaded, found without libc.
#pragma once

#include "session.h"

namespace leakshim::session {

/// What the kernel says of a process through a pidfd, without /proc, where the files of every process are
/// made when they are first asked for.
struct PidIdentity {
    u64 inode =
        0;  ///< of the pidfd: unique for each process of a boot where there is pidfs (Linux 6.9), else 0
    u64 space = 0;  ///< as pid_namespace() (Linux 6.11), else 0; only where it was asked for
};
PidIdentity identity_of(int pid, bool with_space = false);
inline u64 pidfd_inode_of(int pid) {
    return identity_of(pid).inode;
}

/// Inode of /proc/self/ns/pid, 0 when it can't be read.
u64 pid_namespace();

/// The arguments, NUL after each, cut to what fits.
Str command_line(const Startup& startup, TextBuffer& to);

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
