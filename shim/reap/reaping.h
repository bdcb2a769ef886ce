// SPDX-License-Identifier: MIT
//
// What the phases of one reap share: the request, the processes of the session, the clock that bounds it all,
// and the way in which a finding is written down. Internal to this directory.
#pragma once

#include "actions.h"
#include "arena.h"
#include "kernel.h"
#include "lines.h"
#include "liveness.h"
#include "reader.h"
#include "reaper.h"

namespace leakshim::reap {

using ledger::Entry;
using ledger::Handle;
using ledger::Kind;
using ledger::Outcome;
using ledger::State;

/// A process of the session.
struct Suspect {
    enum class Life : u8 {
        alive,  ///< and to be ended
        dead,
        kept,    ///< exempt
        reader,  ///< reads what the root still writes, or descends from one that does: readers.h
        spared,  ///< can't be ended; `outcome` says why
    };

    Handle handle = 0;  ///< 0: a descendant of a kept process, which is not recorded
    u32 generation = 0;
    Handle scope = 0;
    Handle parent = 0;
    i32 pid = 0;
    i32 ppid = 0;
    u64 inode = 0;    ///< of its pidfd; 0 where the kernel gives none: then `start` identifies it
    u64 start = 0;    ///< from /proc
    u64 seen = 0;     ///< when it was last found alive in /proc
    u64 command = 0;  ///< hash of the command line that it had when it was asked whether it is exempt
    u64 queued = 0;   ///< what queued_for() said when the linger began, 0: not asked yet
    State from = State::live;
    Life life = Life::alive;
    bool leaked = false;                   ///< was alive after the linger, call_leaked()
    bool outside = false;                  ///< kept, and of another scope: only its children are looked at
    bool awaited = false;                  ///< got the signal of the rung that is on
    u8 polite = 0;                         ///< the signal of the polite rung, if one was sent
    Outcome last = Outcome::exited_alone;  ///< what was last done to it: why it is dead, once it is
    Outcome outcome = Outcome::none;       ///< of `kept` and `spared`
};

/// A record that is still to be settled, small enough for a million of them.
struct Item {
    Handle handle = 0;
    u32 generation = 0;
    Handle owner = 0;
    i32 number = 0;
    Kind kind = Kind::none;
    u8 flags = 0;
    State from = State::live;
    Outcome kept = Outcome::none;  ///< why a rule or a mark keeps it; none: nothing does
};

/// Memory too large for a host's stack.
struct Buffers {
    alignas(64) char header[sizeof(ledger::Header)];
    alignas(64) char walker[sizeof(ledger::Walker)];
    alignas(64) char looker[sizeof(ledger::Walker)];
    char text[8192];   ///< a command line, a link's target
    char name[4352];   ///< the name that a rule is asked about
    char path[4352];   ///< the directory that a record's name lies in
    char block[8192];  ///< what LineReader and NameReader read into
};

/// One reap, from first look to last record.
class Reaping {
  public:
    Reaping(const Request& request, Buffers& buffers);
    Reaping(const Reaping&) = delete;
    Reaping& operator=(const Reaping&) = delete;

    const Request& request;
    Kernel& kernel;
    ledger::Ledger& ledger;
    const Options& options;
    Buffers& buffers;
    const int self_pid;
    const u64 started;        ///< boottime
    const u64 deadline;       ///< boottime
    bool other_boot = false;  ///< the session's processes and IPC objects went with the boot that it ran in
    bool hurried = false;     ///< Ctrl-C once more: straight to SIGKILL
    bool freezing = false;    ///< a process that is found now is stopped at once
    bool touched = false;     ///< there was something to write down
    u32 births = 0;           ///< as the inventory began
    bool all_came = false;    ///< and each of them had registered by then
    i32 missing = 0;          ///< forks that were counted and never registered, as far as is known
    u64 arrival_limit = 300 * kMillisecond;  ///< how long one that is missing is waited for

    Array<Suspect> suspects;
    HashMap by_pid;      ///< pid_key(pid) → index in `suspects`, the newest of that pid
    Array<Item> own;     ///< live descriptors and threads of the root, when it is us
    Array<Item> ports;   ///< bound sockets that other processes recorded, while they live
    Array<Item> things;  ///< paths and IPC objects
    Array<Item> intents;
    Array<Item> holdings;  ///< what record_holdings() wrote; `number` is the index of the suspect
    Array<Item> open;      ///< descriptors of the scope, in whatever process
    HashMap own_pipes;     ///< file_key() of the pipes and fifos that the root writes to until it is gone
    Result scoped;         ///< with a scope: what was found
    Actions actions;       ///< the action log

    const ledger::Header& header() const { return *ledger.header(); }
    /// The owner of things that are the session's.
    bool is_member(u32 uid) const { return ledger::is_member(header(), uid); }
    u64 now() { return kernel.boottime(); }
    bool out_of_time() { return now() >= deadline; }
    ledger::Author author(Handle process = 0, Handle scope = 0) {
        return {ledger, request.lease, process, scope, 0, now()};
    }

    /// True for records that this reap is about: live ones, and what an earlier end left if the request says
    /// so.
    bool is_open(State state) const;

    /// True for the scope that this reap is about; for every scope when it is about the whole session.
    bool concerns(Handle scope);

    /// Writes the end of a record, if it still is what was looked at. True when it was. Of a scope only what
    /// is gone is written: the rest the session's end will look at again.
    bool settle(Handle handle, u32 generation, State from, State to, Outcome outcome);
    bool settle(const Item& item, State to, Outcome outcome) {
        return settle(item.handle, item.generation, item.from, to, outcome);
    }

    /// The suspect is a leak from here on: its record stays when somebody else waits for it and sees it die.
    void call_leaked(Suspect& suspect);
    /// Ends the record of a process that is dead, and no finding.
    void end_process(Handle handle, u32 generation);

    /// Counts what an unlink or rmdir that succeeded gave back. `facts` are of just before it, so that of the
    /// names of one file the last one counts.
    void count_freed(const FileFacts& facts) {
        if (S_ISDIR(facts.mode) || facts.links <= 1) count_freed(facts.blocks);
    }
    /// The same for what was under its last name, by its blocks of 512 bytes.
    void count_freed(u64 blocks) {
        ledger.count(ledger::Counter::freed_inodes);
        ledger.count(ledger::Counter::freed_bytes, blocks * 512);
    }

    /// True when a rule keeps the thing.
    policy::Ruling ruling_of(const Entry& entry);
    /// The same for a process that runs: also by the command that it has now. One that was forked is on
    /// record before it executes a program, and another before the shim in that program has written down the
    /// new command.
    policy::Ruling ruling_of_running(const Entry& entry);

    Suspect* find_suspect(int pid);
    /// A tool must not end the shell that it was started from, even when that is of the session.
    bool is_own_ancestor(int pid) const;
    /// True when a suspect of that kind is left.
    bool any(bool (*of_kind)(const Suspect&));

    /// A walker over the ledger as it is now, nullptr when it can't be read. Good until the next call.
    ledger::Walker* walk();
    /// One record. Its text is good until the next look(). `fresh`: it may be newer than the last walk() or
    /// look().
    bool look(Handle handle, Entry& entry, bool fresh = false);

  private:
    bool read_header();
    void find_own_ancestors();
    void tally(Handle handle, State to, Outcome outcome);

    static constexpr u32 kMaxChain = 32;

    ledger::MappedSource source_;
    int own_chain_[kMaxChain] = {};  ///< of a tool or guard: itself, its parent, …
    bool looking_ = false;
};

inline u64 pid_key(int pid) {
    return hash_pair(static_cast<u32>(pid), 1);
}
inline u64 file_key(const FileId& id) {
    return hash_pair(id.dev, id.ino);
}
/// True when a file is surely older than the session: file times come from a clock that ticks. One whose birth
/// is not known may be.
inline bool is_older(const ledger::Header& header, const FileId& id) {
    constexpr u64 kSlack = 20 * kMillisecond;
    return id.birth + kSlack < header.created_realtime;
}
inline bool is_alive(const Suspect& suspect) {
    return suspect.life == Suspect::Life::alive;
}

/// Reads a file of /proc/PID line by line.
class LineReader {
  public:
    /// In the shared block: one reader at a time.
    LineReader(Reaping& reaping, int pid, const char* name);
    /// In a block of the caller's own.
    LineReader(Kernel& kernel, int pid, const char* name, char* block, size_t size);
    ~LineReader();
    LineReader(const LineReader&) = delete;
    LineReader& operator=(const LineReader&) = delete;

    bool opened() const { return fd_ >= 0; }
    /// The next line without its newline, cut to the block. False at the end, and of a file that could not be
    /// opened.
    bool next(Str& line);

  private:
    Kernel& kernel_;
    int fd_;
    Lines lines_;
};

/// Reads the names in a directory.
class NameReader {
  public:
    /// In the shared block, as LineReader does: one of them at a time. `at_a_time`: bytes of names asked for
    /// at once. Where names come and go, fewer are fresher.
    NameReader(Reaping& reaping, int fd, size_t at_a_time = sizeof(Buffers::block))
        : NameReader(reaping.kernel, fd, reaping.buffers.block, at_a_time) {}
    /// In a block of the caller's own, aligned to 8 bytes.
    NameReader(Kernel& kernel, int fd, char* block, size_t size)
        : kernel_(kernel), fd_(fd), block_(block), at_a_time_(size) {}

    /// The next name but `.` and `..`, with its type as getdents64(2) has it. False at the end.
    bool next(const char*& name, u8& type);
    /// Why it ended: 0, or -errno.
    int error() const { return error_; }

  private:
    Kernel& kernel_;
    int fd_;
    char* block_;
    size_t at_a_time_;
    int error_ = 0;
    size_t at_ = 0;
    size_t filled_ = 0;
};

/// Adds a record to the counts of its degree and state.
void count_finding(const Entry& entry, Result& result);

}  // namespace leakshim::reap
