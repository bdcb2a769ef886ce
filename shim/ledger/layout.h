// SPDX-License-Identifier: MIT
//
// The ledger file, byte for byte. This header is the whole interface between the processes of a session and
// the tools that read it; nothing else is shared between them.
//
// Rules of this file:
//  - fixed-width integers, offsets and handles, never pointers;
//  - fields are appended, never moved or reused; a change of meaning raises kLayoutVersion;
//  - whoever reads assumes that the writer was hostile (reader.h), whoever writes may be killed at any
//    instruction.
//
// The file is an array of chunks of one page. Chunks 0..7 are the header. Every other chunk is either raw
// space of the index, or a chunk header line followed by 63 lines of 64 bytes. A record takes one line, and
// more behind it when it has text (a path, a command line): record and text never leave their chunk.
#pragma once

#include <atomic>

#include "file_id.h"
#include "types.h"

namespace leakshim::ledger {

inline constexpr u64 kMagic = 0x314d4948534b414cULL;  // "LAKSHIM1" in memory
inline constexpr u32 kLayoutVersion = 4;

inline constexpr u64 kLineSize = 64;
inline constexpr u64 kChunkSize = 4096;
inline constexpr u32 kLinesPerChunk = 64;
inline constexpr u32 kHeaderChunks = 8;
inline constexpr u64 kSegmentSize = 1 << 20;  ///< what a process maps at a time
inline constexpr u32 kMaxSegments = 4096;
inline constexpr u64 kMaxFileSize = kSegmentSize * kMaxSegments;  ///< 4 GiB, sparse
inline constexpr u32 kMaxChunks = static_cast<u32>(kMaxFileSize / kChunkSize);

/// Names a record: chunk number times 64 plus line. 0 names nothing.
using Handle = u32;
inline constexpr u32 chunk_of(Handle handle) {
    return handle / kLinesPerChunk;
}
inline constexpr u32 line_of(Handle handle) {
    return handle % kLinesPerChunk;
}
inline constexpr Handle make_handle(u32 chunk, u32 line) {
    return chunk * kLinesPerChunk + line;
}
inline constexpr u64 offset_of(Handle handle) {
    return static_cast<u64>(handle) * kLineSize;
}

/// Where a record is in its life. Stored in the low byte of Record::state; the rest of that word is a
/// generation, another one each time the line is taken.
enum class State : u8 {
    free = 0,    ///< no record (or one that was released)
    intent = 1,  ///< about to be made; left by a SIGKILL it is "unresolved" and never reaped
    live = 2,    ///< exists as far as the hooks know
    ended = 3,   ///< a process that is known to be dead, kept because records refer to it
    leaked = 4,  ///< still there when its time was up; nothing was done about it
    reaped = 5,  ///< was leaked, is gone through our doing
    kept = 6,    ///< was leaked, spared by a rule, the mode or a mark
    failed = 7,  ///< was leaked, could not be or must not be reaped
    gone = 8,    ///< was gone, or something else, when its time was up
};

enum class Kind : u8 {
    none = 0,
    process = 1,
    thread = 2,
    // Descriptors.
    file = 8,
    pipe = 9,
    socket = 10,
    eventfd = 11,
    timerfd = 12,
    signalfd = 13,
    epoll = 14,
    inotify = 15,
    memfd = 16,
    pidfd = 17,
    other_fd = 18,
    // Names in the file system.
    temp_dir = 32,
    temp_file = 33,
    fifo = 34,
    link = 35,
    device = 36,
    unix_socket = 37,
    // IPC objects.
    posix_shm = 48,
    named_semaphore = 49,
    message_queue = 50,
    sysv_shm = 51,
    sysv_sem = 52,
    sysv_msg = 53,
    // Not resources.
    scope = 64,  ///< an interned text: the name of a scope or, with a flag of kNoScope, something else
};

inline constexpr bool is_fd(Kind kind) {
    return kind >= Kind::file && kind <= Kind::other_fd;
}
inline constexpr bool is_path(Kind kind) {
    return kind >= Kind::temp_dir && kind <= Kind::unix_socket;
}
inline constexpr bool is_named_ipc(Kind kind) {
    return kind >= Kind::posix_shm && kind <= Kind::message_queue;
}
/// Record::number of a System V object that is about to be made: its id is not known yet.
inline constexpr i32 kNoIpcId = -1;

inline constexpr bool is_sysv_ipc(Kind kind) {
    return kind >= Kind::sysv_shm && kind <= Kind::sysv_msg;
}
inline constexpr bool is_persistent(Kind kind) {
    return is_path(kind) || is_named_ipc(kind) || is_sysv_ipc(kind);
}

/// Kinds whose records carry a text: always, or (descriptors) when they have a second line.
inline constexpr bool has_text(Kind kind) {
    return is_path(kind) || is_named_ipc(kind) || is_fd(kind) || kind == Kind::scope;
}

/// Record::flags. The meaning of a bit depends on the kind; `kWanted` is the same for all.
namespace flag {
inline constexpr u8 kWanted = 0x80;  ///< marked by the program as meant to stay (leakshim.h)
// descriptors
inline constexpr u8 kStdio = 0x01;      ///< owned by a FILE: never closed by us
inline constexpr u8 kWriteEnd = 0x02;   ///< of a pipe
inline constexpr u8 kBound = 0x04;      ///< bind(2) succeeded; address and port are set
inline constexpr u8 kListening = 0x08;  ///< listen(2) succeeded
inline constexpr u8 kConnected = 0x10;
inline constexpr u8 kRetired = 0x20;   ///< a dead descriptor was dup'ed over it
inline constexpr u8 kToRetire = 0x40;  ///< its process is asked to do that at its next hook
// paths
inline constexpr u8 kByName = 0x01;  ///< made by mkdtemp, mkstemp and their kind: temporary wherever it lies
inline constexpr u8 kPrivate =
    0x02;  ///< made for the run to put temporary things in (leakshim-run --private-tmp)
inline constexpr u8 kOwnerOnly =
    0x04;  ///< made for nobody else, mode 0700 or 0600, as whoever chooses a name by chance does
// processes
inline constexpr u8 kRoot = 0x01;
inline constexpr u8 kBlind = 0x02;     ///< runs a program that the shim is not loaded into
inline constexpr u8 kExpected = 0x04;  ///< known from its parent only; has not registered itself (yet)
inline constexpr u8 kByScan = 0x08;    ///< found in /proc by lineage or session variable
inline constexpr u8 kKeep = 0x10;      ///< LEAKSHIM_KEEP=1
inline constexpr u8 kNoReturn = 0x20;  ///< entered its way out (exit, _exit)
inline constexpr u8 kLeaked = 0x40;    ///< a reaper is about to end it, and alone writes its end
// threads
inline constexpr u8 kDetached = 0x01;
inline constexpr u8 kFinished = 0x02;  ///< its start routine is over; still to be joined unless detached
inline constexpr u8 kStarted = 0x04;   ///< `number` holds its tid
inline constexpr u8 kRoutine =
    0x08;  ///< Record::b is no pthread_t any more: a call stack with its start routine alone
// scopes
inline constexpr u8 kSite = 0x01;    ///< no scope: the text says where something was made, "file:line"
inline constexpr u8 kStack = 0x02;   ///< no scope: a call stack (frames.h); Record::c is its site, if any
inline constexpr u8 kModule = 0x04;  ///< no scope: a loaded file, "build-id path"; the build ID may be empty
inline constexpr u8 kRule = 0x08;    ///< no scope: a rule and what came of it, told at the end (RuleTally)
inline constexpr u8 kNoScope = kSite | kStack | kModule | kRule;
}  // namespace flag

/// Of the text of a rule, in the upper half of Record::d.
namespace rule_flag {
inline constexpr u32 kExpired = 0x01;  ///< its last day was over when it was asked
inline constexpr u32 kFull = 0x02;     ///< it has reached its maximum
inline constexpr u32 kBuiltin = 0x04;
inline constexpr u32 kBad = 0x08;  ///< a line of the file that makes no sense
}  // namespace rule_flag

/// Why the policy decided as it did, and what the reaper did: the evidence behind a final state.
/// Printed by outcome_text() in kinds.h.
enum class Outcome : u8 {
    none = 0,
    // leaked → reaped
    closed,           ///< descriptor closed at the root's end
    exited_alone,     ///< process ended by itself within the linger
    ended_by_close,   ///< process ended after descriptors were closed
    ended_by_polite,  ///< …after its polite signal (Record::c of a process holds the signal)
    ended_by_term,
    ended_by_kill,
    removed,           ///< path unlinked, tree removed, IPC object removed
    gone_with_holder,  ///< a port, or a name that its owner removed as it died
    // kept
    kept_at_desk,  ///< temporary trees outside CI
    kept_by_mode,  ///< LEAKSHIM=report, or rules that are not known
    kept_by_rule,
    kept_by_mark,     ///< leakshim_keep, LEAKSHIM_KEEP, or a named session that goes on
    kept_on_failure,  ///< tmp=keep-on-failure and the run failed
    // gone
    gone_by_itself,
    changed_identity,  ///< something else bears the name or number now
    // failed
    not_ours_anymore,  ///< used by a process outside the session, recorded by another session, or other owner
    partly_spared,     ///< tree removed but for branches in which others live
    no_pidfd,          ///< no pidfd to be had: nothing is killed on a bare pid
    no_permission,
    survived_kill,    ///< still alive after SIGKILL and the deadline
    brake_mount,      ///< refused: a mount point
    brake_home,       ///< refused: the home directory or a parent of it
    brake_work_tree,  ///< refused: a version-control work tree
    brake_size,       ///< refused: more entries than `tree-limit`
    unresolved_intent,
    system_error,     ///< any other errno; Record::d of a path holds no handle then
    out_of_time,      ///< the bounded time at the root's end was over
    port_at_exit,     ///< warning: still bound when its process ended
    open_at_exit,     ///< warning: descriptor open, thread running or not joined at its process's exit
    ignored_by_rule,  ///< no finding: a rule says that it does not count
    retired,          ///< descriptor of a process that goes on: a dead one was dup'ed over it
    removed_later,    ///< no leak when the session had ended, and cleared away since (leakshim-reap)
};
inline constexpr Outcome kLastOutcome = Outcome::removed_later;

/// One resource. Exactly one line; text follows in the next lines (tail()).
///
/// Written by the thread that made the resource, published by the release store of `state`. Afterwards only
/// `state`, `flags`, `outcome` and what is said to be atomic change, by whoever wins the state.
struct Record {
    std::atomic<u32> state;  ///< State in the low byte, generation above
    Kind kind;
    u8 lines;  ///< lines taken, this one included
    std::atomic<u8> flags;
    std::atomic<Outcome> outcome;
    Handle owner;             ///< the process that made it
    Handle scope;             ///< the scope that it was made in, 0 for none
    u64 born;                 ///< CLOCK_BOOTTIME ns
    std::atomic<i32> number;  ///< fd, pid, tid, SysV id
    Handle site;  ///< where it was made (Kind::scope with kSite or kStack; atomic), 0 when not known
    // clang-format off
    /// By kind:
    ///   descriptor       a: domain | type << 16 | port << 32 (sockets); b, c: address bytes as on the wire
    ///   path, named IPC  a, b, c, d: FileId {dev, ino, birth, handle}
    ///   SysV IPC         a: key; b: creation (or change) time in s; c: creator's pid
    ///   process          a: inode of its pidfd (0: kernel has none, or a fork that executed nothing); b: start time in
    ///                    ns (0: not read);
    ///                    c: the polite signal that ended it | what it held of the run's output (stream_of());
    ///                    d: while it is forked, the first of the descriptors that it inherits
    ///   thread           a: start routine; b: pthread_t once it runs; c, d: name (16 bytes)
    ///   scope            a: hash of the name; b: at most so many of its processes, threads, paths and IPC objects
    ///                    live (atomic); c: the scope that it was begun in; d: 1 while somebody is in it (atomic)
    ///   rule             number: its line; b: hits; c: hits that it missed; d: its last day | flags << 32
    // clang-format on
    u64 a;
    u64 b;
    u64 c;
    u64 d;
};
static_assert(sizeof(Record) == kLineSize);

/// What the run's own stdout or stderr is. Who reads the other end of a pipe or a socket waits until nobody
/// holds this one.
enum class Stream : u8 { none = 0, pipe, socket, file, terminal };
inline constexpr Stream kLastStream = Stream::terminal;

/// Of `fd` 1 or 2, in Record::c of a process: how it holds the run's own, `none` when it does not.
inline constexpr u32 stream_shift(int fd) {
    return fd == 1 ? 8 : 12;
}
inline constexpr Stream stream_of(u64 c, int fd) {
    auto stream = static_cast<Stream>(c >> stream_shift(fd) & 0xf);
    return stream > kLastStream ? Stream::none : stream;
}
inline constexpr u64 with_stream(u64 c, int fd, Stream stream) {
    return (c & ~(u64{0xf} << stream_shift(fd))) | static_cast<u64>(stream) << stream_shift(fd);
}

/// Behind the record of a process.
struct ProcessTail {
    Handle parent;              ///< 0 for the root and for those found by scan without a known parent
    std::atomic<Handle> scope;  ///< the scope that the process is in now
    std::atomic<i32>
        persistent;          ///< its live records of paths and IPC objects; at 0 an ended process is freed
    std::atomic<u32> image;  ///< raised by every exec: a lease of an older image is dead
    u32 uid;
    i32 ppid;
    /// Wait status, kNoStatus when not known. Of an intent the pid that the child says it has, kUnclaimed
    /// before.
    std::atomic<i32> exit_status;
    u32 command_size;  ///< bytes of `command`, NUL between the arguments
    char command[1];
};
inline constexpr i32 kNoStatus = -1, kUnclaimed = -2;
inline constexpr u32 kProcessTailFixed = 32;
static_assert(offsetof(ProcessTail, command) == kProcessTailFixed);

/// Behind the record of a path, a named IPC object or a scope; behind that of a descriptor when its file is
/// known.
struct TextTail {
    u16 size;  ///< bytes of `text`, no NUL counted; one follows nevertheless
    char text[1];
};
inline constexpr u32 kTextTailFixed = 2;

/// Longest text that a record can carry.
inline constexpr u32 kMaxText = (kLinesPerChunk - 2) * kLineSize - kTextTailFixed - 1;
inline constexpr u32 kMaxCommand = (kLinesPerChunk - 2) * kLineSize - kProcessTailFixed - 1;

/// Who may allocate in a chunk.
enum class Lease : u8 {
    unused = 0,  ///< never used, or raw space of the index
    held = 1,    ///< by one thread of process `owner`, image `image`
    idle = 2,    ///< by nobody; the next who needs room and finds some here may take it
};
inline constexpr u64 lease_word(Lease lease, u32 image, Handle owner) {
    return static_cast<u64>(lease) << 56 | static_cast<u64>(image & 0xffffff) << 32 | owner;
}
inline constexpr Lease lease_of(u64 word) {
    return static_cast<Lease>(word >> 56);
}
inline constexpr u32 lease_image(u64 word) {
    return static_cast<u32>(word >> 32) & 0xffffff;
}
inline constexpr Handle lease_owner(u64 word) {
    return static_cast<u32>(word);
}

/// Line 0 of a chunk of records.
///
/// Only a line that is used and not freed may be looked at as a record: what lies in the others is whatever
/// text was there last. The first line of a taken run has its length in Record::lines before the run counts
/// as used, so that a walk from record to record never steps into a text.
struct ChunkHeader {
    std::atomic<u64> lease;
    std::atomic<u64> used;        ///< bit per line, changed by the lease holder only
    std::atomic<u64> freed;       ///< lines released by others, collected by the lease holder
    std::atomic<u32> generation;  ///< last one given to a record of this chunk, by the lease holder only
    u32 reserved[9];
};
static_assert(sizeof(ChunkHeader) == kLineSize);

/// The hash index: levels of buckets of eight slots, each slot {tag:32, handle:32}. A record is found under
/// the hash of its path, its pid, its thread, its IPC name. A level is added when a bucket is full in all
/// others.
inline constexpr u32 kIndexLevels = 5;
inline constexpr u32 index_level_chunks(u32 level) {
    return 8U << 3 * level;
}
inline constexpr u32 kBucketSlots = 8;

enum class Phase : u32 { live = 0, ending = 1, ended = 2 };

/// Session flags, fixed at creation.
namespace session_flag {
inline constexpr u32 kReap = 0x01;           ///< mode reap (otherwise report)
inline constexpr u32 kFail = 0x02;           ///< turn status 0 into 24 when something leaked
inline constexpr u32 kCi = 0x04;             ///< CI: temporary trees are reaped too
inline constexpr u32 kKeepOnFailure = 0x08;  ///< tmp=keep-on-failure
inline constexpr u32 kNoPidfd = 0x10;        ///< the kernel has no pidfds (or a filter forbids them)
inline constexpr u32 kBornChildless =
    0x20;                            ///< the root had no child when it became the root: all it has are ours
inline constexpr u32 kNamed = 0x40;  ///< spans several commands: no root, ended by leakshim-reap only
inline constexpr u32 kStacksFp = 0x100;      ///< call stacks are recorded, by frame pointers
inline constexpr u32 kStacksUnwind = 0x200;  ///< the same by the unwinder
inline constexpr u32 kFollows = 0x80;        ///< of those of a session who run as another user than its root
}  // namespace session_flag

/// What is counted instead of recorded. Names in kinds.h.
enum class Counter : u32 {
    dropped_full = 0,  ///< no room in the file system of the ledger
    dropped_limit,     ///< ledger at its largest size, or address space (RLIMIT_AS) at its end
    dropped_name,      ///< a name too long, or one that could not be made absolute
    dropped_fd,        ///< a descriptor number beyond the table
    unindexed,         ///< recorded, but a release by name will not find it
    blind_static,      ///< executions of static programs
    blind_setid,       ///< executions of set-id or file-capability programs
    blind_class,       ///< executions of programs of another ELF class (32-bit)
    blind_scan,        ///< processes found only through /proc
    left_ledger,       ///< processes that left: changed their uid, confined themselves, or could not map it
    closed_behind,     ///< descriptors found closed behind our back
    favours,           ///< processes with our variable that are children of a process outside the session
    fds_at_exit,       ///< open at the ordinary exit of a process that is not the root
    sockets_at_exit,   ///< …of these, sockets
    ports_at_exit,     ///< …of these, bound or listening
    threads_at_exit,   ///< running or not joined then
    processes,         ///< that are known, ever: each once, whatever it executed
    records,           ///< persistent things recorded, ever
    freed_inodes,      ///< by reaping: what was unlinked under its last name, within trees too
    freed_bytes,       ///< …what those took on the disk
    count
};
inline constexpr u32 kCounters = static_cast<u32>(Counter::count);

/// How the session ended, as far as a process of it noticed.
enum class EndedBy : u32 { unknown = 0, exit, _exit, quick_exit, abort, guard, sweep, request, timeout };
inline constexpr EndedBy kLastEndedBy = EndedBy::timeout;  ///< of leakshim-run; `request` is leakshim-reap

/// The session's guard: whether there is one, and if not, why.
enum class Guard : u32 {
    unknown = 0,     ///< not asked for yet, or by a session of before there were guards
    watching,        ///< it has acknowledged; Header::guard_pid names it
    off,             ///< the option guard=0
    not_found,       ///< no leakshim-guard beside the library
    not_started,     ///< a system call that starts it failed
    no_answer,       ///< started, but it has not acknowledged in time
    root_is_init,    ///< the root is pid 1: orphans, a guard too, would be its children
    root_is_reaper,  ///< the same for a root that is a subreaper (prctl(2))
    no_root,         ///< a named session, which has no root to watch
};

/// Lists of NUL-terminated texts, one after the other; `size` counts all bytes.
template <u32 kSize>
struct TextList {
    u32 size;
    char text[kSize - 4];
};

inline constexpr u32 kLastPartWords = 256;
inline constexpr u32 kDepartures = 64;

/// Chunks 0..7. Everything before `phase` is written once, before any other process can see the file.
struct Header {
    u64 magic;  ///< stored last at creation
    u32 layout_version;
    u32 header_size;
    char id[40];        ///< session id, 32 hex digits
    char boot_id[40];   ///< /proc/sys/kernel/random/boot_id
    u64 pid_namespace;  ///< inode of /proc/self/ns/pid
    u32 uid;            ///< effective uid of the root: the ledger's owner
    i32 root_pid;
    Handle root;           ///< its process record
    u32 flags;             ///< session_flag
    u64 created_realtime;  ///< ns since the epoch
    u64 created_boottime;  ///< ns
    u64 mono_to_boot;      ///< CLOCK_BOOTTIME minus CLOCK_MONOTONIC, ns
    u32 chunk_limit;       ///< chunks that the file has room for
    u32 root_ancestors;    ///< pids in `ancestors`
    i32 ancestors[32];  ///< the root's parent, its parent, … at the start: orphans may land there, innocents
                        ///< live there

    std::atomic<u32> phase;  ///< Phase
    std::atomic<i32> end_pid;
    std::atomic<EndedBy> ended_by;
    std::atomic<i32> exit_status;  ///< status that the root ends with; -1 not known
    std::atomic<u64> ended_realtime;
    std::atomic<u32> errors;  ///< result of the end: leaks, warnings, notes, …
    std::atomic<u32> warnings;
    std::atomic<u32> notes;
    std::atomic<i32> guard_pid;    ///< 0 when there is none
    std::atomic<u64> guard_inode;  ///< its pidfd's inode
    u64 ipc_namespace;  ///< of the System V objects and message queues on record: ipc_namespace() of the root
                        ///< at the start; 0 not known
    std::atomic<u32> readers;  ///< processes that the root left to its guard: they read what it writes

    alignas(64) std::atomic<u32> next_chunk;
    alignas(64) std::atomic<u32> idle_hint;  ///< the chunk with room that was put down last, 0 for none
    alignas(64) std::atomic<u32> hand;       ///< of the clock that turns over all chunks in search of room
    alignas(
        64) std::atomic<u32> index_level[kIndexLevels];  ///< first chunk of each level, 0 when there is none
    alignas(64) std::atomic<u64> counters[kCounters];

    alignas(64) TextList<4096> command;  ///< the root's arguments
    TextList<4096> cwd;                  ///< the root's first working directory (one text)
    TextList<4096> temp_roots;           ///< absolute directories in which things are temporary by place
    TextList<8192> exempt_roots;         ///< absolute directories in which nothing is
    TextList<4096> options;              ///< LEAKSHIM_OPTIONS as it was in force
    TextList<2048> rules;                ///< path of LEAKSHIM_RULES
    /// The latest processes that have left where nobody would see it, as handle | generation << 32, in turn.
    alignas(64) std::atomic<u64> departures[kDepartures];
    std::atomic<u32> departed;  ///< so many ever did
    std::atomic<u32> images;    ///< the last number given to an image of a process, see next_image()
    /// Processes started, as their parents count them, and those of them that are known: registered by
    /// themselves, or a fork that its parent has written down. While the two differ there may be one that
    /// nobody has heard of yet.
    alignas(64) std::atomic<u32> births;
    std::atomic<u32> arrivals;
    std::atomic<u32> guard;         ///< Guard
    std::atomic<u32> retire_epoch;  ///< raised when descriptors of living processes are to be retired
    TextList<1024> home;            ///< the user's home directory (one text), for the built-in rules
    TextList<132> name;             ///< of a session that spans several commands (one text), else empty
    FileId stderr_at_load;          ///< the root's fd 2 as it was; all zero when it was closed
    /// Users that processes of root's session became, 0 where there is none: what they own in a tree that the
    /// session made is the session's. Only the first few are kept.
    std::atomic<u32> member_uids[8];
    FileId stdout_at_load;  ///< the root's fd 1 as it was when the session began, for comparison by who holds
                            ///< it; all zero when it was closed
    /// A bit for each hash of the last part of a path that was ever recorded, set before the record can be
    /// found and never cleared: where it is 0, no record bears such a name.
    alignas(64) std::atomic<u64> last_parts[kLastPartWords];
};
static_assert(sizeof(Header) <= kHeaderChunks * kChunkSize);
static_assert(std::atomic<u64>::is_always_lock_free && std::atomic<u8>::is_always_lock_free);

}  // namespace leakshim::ledger
