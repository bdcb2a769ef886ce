// SPDX-License-Identifier: MIT
//
// Reading a ledger as if its writer were hostile: copy, validate, then use. Shared by the reaper inside the
// host and by the tools, so it allocates nothing: entries are handed out one at a time, in memory that the
// reader owns.
//
// Guarantees: whatever bytes the file holds, and however it changes meanwhile, no read outside of it, no
// crash, no endless loop; an Entry that is handed out has texts within bounds and enums within range, and so
// has a Line.
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

/// A record as a walk meets it: its first line, in the walker's own copy. What lies there is checked, but for
/// what is behind the line: most that walk a ledger want few of its records, and of those they leave they
/// look at nothing else. Good until the walk goes on.
class Line {
  public:
    Handle handle() const { return handle_; }
    State state() const { return static_cast<State>(word() & 0xff); }
    u32 generation() const { return word() >> 8; }
    Kind kind() const { return record_->kind; }
    u8 flags() const { return record_->flags.load(std::memory_order_relaxed); }
    Outcome outcome() const {
        Outcome outcome = record_->outcome.load(std::memory_order_relaxed);
        return outcome > kLastOutcome ? Outcome::none : outcome;
    }
    Handle owner() const { return record_->owner; }
    Handle scope() const { return record_->scope; }
    i32 number() const { return record_->number.load(std::memory_order_relaxed); }
    /// False when the line is all there is.
    bool has_more() const { return record_->lines > 1; }

  private:
    friend class Walker;
    u32 word() const { return record_->state.load(std::memory_order_relaxed); }
    /// Whether a record can begin in `line` of its chunk with what `record` says.
    static bool sound(const Record& record, u32 line);

    const Record* record_ = nullptr;
    Handle handle_ = 0;
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
    /// The same at a fraction of the cost: of a record only its first line is looked at.
    bool next(Line& line);
    /// All of the record whose line the walk has just come to. False when what is behind the line makes no
    /// sense: the other next() passes over such a record.
    bool read(const Line& line, Entry& entry) const;
    /// The record of a handle, wherever it lies; overwrites the chunk buffer, so don't mix with next() on one
    /// Walker.
    bool get(Handle handle, Entry& entry);
    /// Chunks that could not be read or made no sense.
    u32 broken() const { return broken_; }

  private:
    static constexpr u32 kAhead = 16;  // chunks that are read at a time on a walk

    bool load(u32 chunk, u32 count);
    bool next_chunk();
    const Record& record_at(u32 line) const {
        const char* chunk = buffer_ + (current_ - first_) * kChunkSize;
        return *reinterpret_cast<const Record*>(chunk + line * kLineSize);
    }

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

namespace detail {

/// A bit for each kind below 64.
constexpr u64 kinds_below_64() {
    u64 kinds = 0;
    for (u32 i = 0; i < 64; ++i) {
        auto kind = static_cast<Kind>(i);
        bool known = kind == Kind::process || kind == Kind::thread || is_fd(kind) || is_persistent(kind);
        kinds |= u64{known} << i;
    }
    return kinds;
}
inline constexpr u64 kKindsBelow64 = kinds_below_64();

}  // namespace detail

inline bool Line::sound(const Record& record, u32 line) {
    u32 state = record.state.load(std::memory_order_relaxed) & 0xff;
    auto kind = static_cast<u32>(record.kind);
    bool known = kind < 64 ? (detail::kKindsBelow64 >> kind & 1) != 0 : record.kind == Kind::scope;
    return state - 1 < static_cast<u32>(State::gone) && known && record.lines - 1U < kLinesPerChunk - line;
}

inline bool Walker::next(Line& line) {
    // In a local: what is read meanwhile might be the member, as far as the compiler knows.
    u64 rest = rest_;
    for (;;) {
        while (rest != 0) {
            auto number = static_cast<u32>(__builtin_ctzll(rest));
            const Record& record = record_at(number);
            u32 lines = record.lines;
            rest &= rest - 1;
            if (lines > 1 && lines <= kLinesPerChunk - number) rest &= ~u64{0} << (number + lines - 1) << 1;
            if (!Line::sound(record, number)) continue;
            line.record_ = &record;
            line.handle_ = make_handle(current_, number);
            rest_ = rest;
            return true;
        }
        if (!next_chunk()) {
            rest_ = 0;
            return false;
        }
        rest = rest_;
    }
}

}  // namespace leakshim::ledger
