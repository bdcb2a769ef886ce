// SPDX-License-Identifier: MIT
//
// Records by kind: how each is filled, indexed, found and released. The hooks and the reaper write through
// these functions and through nothing else, so that there is one place that knows what a field means.
//
// All functions are lock-free and async-signal-safe and leave errno alone. A handle of 0 ("nothing recorded",
// "not found") may be passed to every function that takes one, and is ignored.
#pragma once

#include "file_id.h"
#include "ledger.h"

namespace leakshim::ledger {

/// On whose behalf a record is made.
struct Author {
    Ledger& ledger;
    ThreadLease& lease;
    Handle process = 0;
    Handle scope = 0;
    Handle site = 0;
    u64 now = 0;  ///< CLOCK_BOOTTIME ns
};

// --- Paths and named IPC objects ---

/// Writes down, before the call that may make `name`, that it is about to be made. Closes the window between
/// the call and its record: an intent that a SIGKILL leaves is reported, never reaped.
Handle begin_named(const Author& author, Kind kind, Str name, u8 flags = 0);

/// The thing was made and is `id`: the intent becomes a live record.
void commit_named(const Author& author, Handle handle, const FileId& id);

/// The same for a name that was free until now: an older record of it is of something that went without
/// anybody's seeing it, and is released. Answers Counter::records as it was before this one.
u64 commit_new(const Author& author, Handle handle, const FileId& id);

/// The live record of `name`. Paths have one name space; each kind of named IPC object has its own.
Handle find_named(Ledger& ledger, Kind kind, Str name);

/// False where no path with this last part (no '/' in it, nor "." or "..") was ever recorded: the rest of the
/// name need not be found out.
bool may_be_recorded(const Header& header, Str last_part);

/// What a name is found under in the index; and the same look-up for who has computed it already. `word`:
/// becomes Record::state, generation included, as it was when the record bore that name.
u64 name_key(Kind kind, Str name);
Handle find_named(Ledger& ledger, u64 key, Kind kind, Str name, u32& word);

/// Releases a record or an intent, of a path, an IPC object or anything else that counts for its process;
/// with a generation, only if the handle still names the record that it was taken of.
void release_persistent(const Author& author, Handle handle, u32 generation = kAnyGeneration);

/// The same for the live record of a name whose key is known.
void release_named(const Author& author, Handle handle, u64 key, u32 generation);

/// The thing of `handle` is about to be renamed: writes an intent under its new name, with what it was
/// (identity, scope, owner, birth). To be completed by commit_rename(), or released when the call failed. 0
/// where there is no room or no such record.
Handle begin_rename(const Author& author, Handle handle, Str new_name);

/// The thing was renamed: the record goes on as `renamed`, and the old one goes.
void commit_rename(const Author& author, Handle handle, Handle renamed);

/// A process of the session becomes the user `uid` for good.
void add_member(Header& header, u32 uid);

/// Is the user the session's own, or, in root's session, one that a process of it became? A session of
/// anybody else has no other members, whatever is written in its ledger.
bool is_member(const Header& header, u32 uid);

/// Name of a path, named IPC object or scope; empty when the record is none of these or is broken.
Str name_of(Record& record);

FileId file_id_of(const Record& record);

// --- System V IPC ---

/// An object is about to be made under `key` (IPC_PRIVATE is 0): writes an intent with kNoIpcId. To be
/// completed by commit_sysv(), or released by release_persistent() when the call failed. 0 where there is no
/// room.
Handle begin_sysv(const Author& author, Kind kind, u64 key);

/// The object was made: `id`, its time of change in s since the epoch, and of shared memory the pid that made
/// it.
void commit_sysv(const Author& author, Handle handle, int id, u64 created, u64 creator);

/// Both at once, for an object that is there already.
Handle add_sysv(const Author& author, Kind kind, int id, u64 key, u64 created, u64 creator);
Handle find_sysv(Ledger& ledger, Kind kind, int id);

// --- Processes ---

struct NewProcess {
    int pid = 0;
    int ppid = 0;
    u32 uid = 0;
    u64 pidfd_inode = 0;
    u64 start = 0;  ///< ns since boot when it was read from /proc, else 0
    Handle parent = 0;
    u8 flags = 0;
    Str command;  ///< NUL between arguments; cut to kMaxCommand
};

/// Adds a process that lives in scope `author.scope`. Its `image` is unique in the session.
Handle add_process(const Author& author, const NewProcess& process);

/// An intent: a process is about to be forked, whose `pid` nobody knows. Nobody finds it until it is
/// committed, which happens once, by whoever comes first: its parent, itself, or a reaper after both were
/// killed.
Handle begin_fork(const Author& author, const NewProcess& process);
/// In the child, before it does anything else: says which number it has. All that is left of a fork whose
/// parent was killed before it had the answer. The number is the child's own, which in another pid namespace
/// is not ours. In line: elsewhere in the library it would be a page more that a child touches.
inline void claim_fork(Record& record, int pid) {
    i32 unclaimed = kUnclaimed;
    tail_of<ProcessTail>(record)->exit_status.compare_exchange_strong(unclaimed, pid,
                                                                      std::memory_order_relaxed);
}
/// The number that it said, 0 for none, and of what is no intent.
int claimed_pid(Record& record);
/// Once in the life of each process (Header::arrivals); -1 where it was counted twice. The root is nobody's
/// birth.
void count_arrival(Ledger& ledger, int by = 1);
/// The child is `pid`, born by `author.now`; `inode` and `start` as in NewProcess. It is an arrival for
/// whoever makes the record a live one; who comes later changes nothing.
void commit_fork(const Author& author, Handle handle, int pid, u64 inode = 0, u64 start = 0);
/// There is no child, or none any more, or it has a record of its own. False, and nothing is done, where it
/// is committed already.
bool abandon_fork(const Author& author, Handle handle);

/// The live record of the process with this pid.
Handle find_process(Ledger& ledger, int pid);

/// Was the record made for the process with this inode of its pidfd (0: not known) and this start (proc.h)?
/// The start decides where either has no inode, as the record of a fork that executed nothing: then it may be
/// another's that got the number before, if both lived within a tick.
bool is_made_for(const Record& process, u64 inode, u64 start);

/// Hash under which processes are found by their pid.
u64 process_key(int pid);

/// A live record of the process that `process` describes, by number and is_made_for(), but for `mine`; 0
/// where there is none. Whoever writes a process down asks for it afterwards: it may have done so itself
/// meanwhile.
Handle other_record_of(Ledger& ledger, const NewProcess& process, Handle mine);

/// Calls `visit(handle, record)` for every live record of this pid: there may be a dead bearer's beside a
/// living one's.
template <typename Visit>
void for_each_process_record(Ledger& ledger, int pid, Visit visit) {
    ledger.index_find(process_key(pid), [&](Handle handle, Record& record) {
        bool match = record.kind == Kind::process && state_of(record) == State::live &&
                     record.number.load(std::memory_order_relaxed) == pid;
        if (match) visit(handle, record);
        return false;
    });
}

/// The process is dead, with wait status `status` (-1: not known). Its record goes as soon as nothing that
/// outlives it refers to it. Nothing is done to one that is not of `generation`, nor to one that a reaper has
/// called leaked (flag::kLeaked): whoever waits for it would take the finding away. True when it was this
/// call that ended it.
bool end_process(const Author& author, Handle process, int status, u32 generation = kAnyGeneration);

/// Writes the command line of a process anew, after an exec (cut to what fits in the record's lines).
void set_command(Record& process, Str command);

/// A number that no other image of a process in this session has (24 bits are compared).
u32 next_image(Ledger& ledger);

// --- Scopes ---

/// The scope called `name`, made when it is new; scopes are never released. Two processes that start the same
/// scope in the same instant may get one each: whoever groups by scope goes by its name.
Handle intern_scope(const Author& author, Str name);

/// A scope called `name` that nobody else is in, begun inside of `outside`: one that was left with nothing in
/// it, else a new one, so that what an earlier scope of the same name left is not found in this one.
Handle begin_scope(const Author& author, Str name, Handle outside);
/// Nobody is in the scope any more: the next one of its name may take it, unless it is `spent`.
void end_scope(Ledger& ledger, Handle scope, bool spent);

/// The scope's own record; nullptr when `scope` names none.
Record* scope_at(Ledger& ledger, Handle scope);

/// One more or one less process, thread, path or IPC object is live in `scope` (0: none). Raised before the
/// thing is visible and lowered after it is gone: whoever is killed in between leaves a number too high,
/// never one too low.
void count_in_scope(Ledger& ledger, Handle scope, int by);
inline std::atomic_ref<u64> live_in(Record& scope) {
    return std::atomic_ref<u64>(scope.b);
}

/// The text "file:line", made when it is new and never released, to be used as Record::site.
Handle intern_site(const Author& author, Str site);

/// A loaded file, "build-id path", to be used in the frames of stacks. Never released.
Handle intern_module(const Author& author, Str module);

/// A call stack as FrameWriter writes it, with what the program said itself (0: nothing), to be used as
/// Record::site. Equal ones are one. Never released.
Handle intern_stack(const Author& author, Str frames, Handle site);

/// A rule of the session and what came of it. Its text and reason become one text, a newline between them.
struct RuleTally {
    Str text;
    Str reason;
    u64 hits = 0;
    u64 missed = 0;  ///< hits that it had not, because its day was over or its maximum reached
    u32 until = 0;   ///< as 20261231 for 2026-12-31; 0: for ever
    u32 line = 0;    ///< in its file, from 1
    u32 flags = 0;   ///< rule_flag
};

/// Writes a rule down, or what has come of it by now where it is known already. Those with the latest `born`
/// are those of the last end of the session.
void note_rule(const Author& author, const RuleTally& rule);

// --- Threads ---

/// Hash under which a thread is found by its process.
u64 thread_key(Handle process, u64 pthread);

}  // namespace leakshim::ledger
