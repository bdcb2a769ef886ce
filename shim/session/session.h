// SPDX-License-Identifier: MIT
//
// A session as one process of it sees it: found or made when the shim is loaded, left when the process ends.
//
// Guarantees: starting and joining never fail in a way the host could see; where something can't be had, the
// process is simply not recorded ("off") and, where there is a ledger to say it in, that is counted. No
// descriptor stays open, no memory is taken from the heap.
#pragma once

#include "options.h"
#include "records.h"

namespace leakshim::session {

/// How far a process has come. Only `recording` writes to the ledger.
enum class Stage : u32 { untouched = 0, starting, recording, off };

/// One a process, zero-initialised, never destroyed. What the child of a fork writes comes first: it lies in
/// one page with ProcessState's own (hooks/state.h), since each that it writes is copied for it.
struct Session {
    std::atomic<Stage> stage;
    ledger::Handle self = 0;  ///< our process record
    u32 image = 0;            ///< our ProcessTail::image
    int pid = 0;
    bool root = false;  ///< we own the session's end
    /// We are given orphans and nothing of ours waits for children: those that die at the end vanish at once.
    bool adopts_orphans = false;
    /// No ledger was to be had: session_entry tells descendants, which shall not try and complain again.
    bool refused = false;
    std::atomic<ledger::Handle>
        scope;  ///< of the whole process: PYTEST_CURRENT_TEST, or the parent's at our birth
    Options options;
    Str home;               ///< $HOME as it was at load
    FileId stderr_at_load;  ///< the root's fd 2 as it was; known() is false when it was closed
    char preload_entry[1024] =
        {};  ///< our library as it stands in LD_PRELOAD, made absolute; empty when not found there
    char session_entry[560] = {};  ///< "LEAKSHIM_SESSION=…", as descendants get it
    ledger::Ledger ledger;
};

/// What the dynamic linker gave our constructor. Null pointers where a hook ran before it.
struct Startup {
    char** arguments;
    char** environment;
    const void* headers = nullptr;  ///< program headers of the program, AT_PHDR of getauxval(3)
    size_t header_count = 0;
};

/// Finds or makes the session and registers this process. On return the stage is `recording` or `off`.
/// Called once a process image; the caller guards against a second call.
void start(Session& session, ledger::ThreadLease& lease, const Startup& startup);

/// What a child made by fork knows of itself.
struct Forked {
    ledger::Handle parent;
    ledger::Handle scope;
    ledger::Handle record;  ///< the intent that its parent wrote before the fork, 0: none
    u32 generation;         ///< of that
};

/// In a child made by fork: it is a process of its own from here on, by the record that its parent has made
/// for it, or by one that it makes. True where it was its parent that made it a live one.
bool start_forked_child(Session& session, ledger::ThreadLease& lease, const Forked& forked);

/// Before an exec, and before it leaves the ledger: adds what the record of a forked child lacks, the inode
/// of its pidfd. Without our ledger in its memory it is known by that alone.
void note_identity(Session& session);

/// The test that a value of PYTEST_CURRENT_TEST names: without the phase, "(call)".
Str test_name(Str current_test);

/// The process changes its uid: it leaves the ledger, which belongs to the old one.
void leave(Session& session);

/// Ends the session when this process is its root: judges, reaps, reports. Returns the status that the
/// process shall end with: `status`, or 24 where LEAKSHIM=…,fail says so. Does its work once; later calls
/// return `status`.
int end(Session& session, ledger::ThreadLease& lease, int status, ledger::EndedBy how);

/// True for a process that must call end().
inline bool is_root(const Session& session, int pid) {
    return session.root && session.pid == pid;
}

}  // namespace leakshim::session
