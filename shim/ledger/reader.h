// SPDX-License-Identifier: MIT
//
// Reading a ledger as if its writer were hostile: copy, validate, then use. Shared by the reaper inside the
// host and by the tools, so it allocates nothing: entries are handed out one at a time, in memory that the
// reader owns.
//
// Guarantees: whatever bytes the file holds, and however it changes meanwhile, no read outside of it, no
// crash, no endless loop; an Entry that is handed out has texts within bounds and enums within range.
#pragma once

#include "records.h"

namespace leakshim::ledger {

/// A copy of one record, checked.
struct Entry {
    Handle handle = 0;
    State state = State::free;
    u32 generation = 0;
    Kind kind = Kind::none;
    u8 flags = 0;
    Outcome outcome = Outcome::none;
    Handle owner = 0;
    Handle scope = 0;
    Handle site = 0;
    u64 born = 0;
    i32 number = 0;
    u64 a = 0, b = 0, c = 0, d = 0;
    /// Path, IPC name, scope name; or the command line of a process (NUL between arguments).
    /// Points into the reader's chunk buffer: good until the next chunk is read.
    Str text;
    // Of a process.
    Handle parent = 0;
    Handle process_scope = 0;
    i32 ppid = 0;
    u32 uid = 0;
    i32 exit_status = -1;

    FileId file_id() const { return {a, b, c, d}; }
};

/// Where the bytes come from.
class Source {
  public:
    /// Copies `size` bytes at `offset`; false when they can't be had.
    virtual bool read(u64 offset, void* to, size_t size) = 0;

  protected:
    ~Source() = default;
};

/// A ledger file, by descriptor.
class FileSource : public Source {
  public:
    explicit FileSource(int fd) : fd_(fd) {}
    bool read(u64 offset, void* to, size_t size) override;

  private:
    int fd_;
};

/// The ledger that this process has mapped, when its name may be gone: read so that a file cut short under us
/// is an answer (process_vm_readv(2) says EFAULT) and not a SIGBUS.
class MappedSource : public Source {
  public:
    explicit MappedSource(Ledger& ledger) : ledger_(ledger) {}
    bool read(u64 offset, void* to, size_t size) override;

  private:
    Ledger& ledger_;
    int thread_ = 0;  ///< the caller's, once it was asked for: a source is one thread's
};

enum class Verdict { ok, unreadable, not_a_ledger, foreign_version, corrupt };
/// One clear sentence for each, without a file name.
Str verdict_text(Verdict verdict);

/// Copies the header and checks all that others rely on (sizes, texts, enums, levels).
Verdict read_header(Source& source, Header& header);

/// Walks all records. The header must come from read_header().
class Walker {
  public:
    Walker(Source& source, const Header& header);

    /// The next record in whatever state but `free`. False at the end.
    bool next(Entry& entry);
    /// The record of a handle, wherever it lies; overwrites the chunk buffer, so don't mix with next() on one
    /// Walker.
    bool get(Handle handle, Entry& entry);
    /// Chunks that could not be read or made no sense.
    u32 broken() const { return broken_; }

  private:
    static constexpr u32 kAhead = 16;  // chunks that are read at a time on a walk

    bool load(u32 chunk, u32 count);
    bool next_chunk();
    bool decode(u32 line, Entry& entry, u32& lines) const;

    Source& source_;
    const Header& header_;
    u32 end_;
    u32 chunk_ = kHeaderChunks;  ///< next on the walk
    u32 first_ = 0;              ///< of those that lie in the buffer
    u32 loaded_ = 0;             ///< so many do
    u32 current_ = 0;            ///< the one that is being decoded
    u64 rest_ = 0;               ///< its lines that are still to be looked at
    u32 broken_ = 0;
    alignas(64) char buffer_[kAhead * kChunkSize];
};

}  // namespace leakshim::ledger
