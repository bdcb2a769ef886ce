// SPDX-License-Identifier: MIT
#include "reader.h"

#include <sys/uio.h>

#include "sys.h"

namespace leakshim::ledger {

namespace {

constexpr u32 kFirstChunk = kHeaderChunks;

template <u32 kSize>
bool list_ok(const TextList<kSize>& list) {
    return list.size <= sizeof list.text && (list.size == 0 || list.text[list.size - 1] == '\0');
}

template <size_t kSize>
bool text_ok(const char (&text)[kSize]) {
    for (char c : text) {
        if (c == '\0') return true;
    }
    return false;
}

bool header_ok(const Header& header) {
    if (header.header_size < sizeof(Header) || header.header_size > kHeaderChunks * kChunkSize) return false;
    if (header.chunk_limit > kMaxChunks || header.root_ancestors > 32) return false;
    if (!text_ok(header.id) || !text_ok(header.boot_id)) return false;
    if (header.phase.load(std::memory_order_relaxed) > static_cast<u32>(Phase::ended)) return false;
    if (header.next_chunk.load(std::memory_order_relaxed) > header.chunk_limit) return false;
    for (u32 level = 0; level < kIndexLevels; ++level) {
        u32 first = header.index_level[level].load(std::memory_order_relaxed);
        if (first != 0 && (first < kFirstChunk || first > kMaxChunks - index_level_chunks(level)))
            return false;
    }
    return list_ok(header.command) && list_ok(header.cwd) && list_ok(header.temp_roots) &&
           list_ok(header.exempt_roots) && list_ok(header.options) && list_ok(header.rules) &&
           list_ok(header.home) && list_ok(header.name);
}

}  // namespace

bool FileSource::read(u64 offset, void* to, size_t size) {
    auto* bytes = static_cast<char*>(to);
    while (size != 0) {
        long got = sys::pread(fd_, bytes, size, static_cast<i64>(offset));
        if (got <= 0) return false;
        bytes += got, offset += static_cast<u64>(got), size -= static_cast<size_t>(got);
    }
    return true;
}

bool MappedSource::read(u64 offset, void* to, size_t size) {
    auto* bytes = static_cast<char*>(to);
    while (size != 0) {
        u64 left = kSegmentSize - offset % kSegmentSize;
        size_t part = size < left ? size : left;
        void* memory = ledger_.memory(offset);
        if (memory == nullptr) return false;
        struct iovec here {
            bytes, part
        };
        struct iovec there {
            memory, part
        };
        if (thread_ == 0) thread_ = sys::gettid();
        long got = sys::call(SYS_process_vm_readv, thread_, sys::ptr(&here), 1, sys::ptr(&there), 1, 0);
        // By thread: the process may go on without its first thread, whose number is the process's.
        if (got == -EPERM || got == -ENOSYS || got == -ESRCH) {
            // A filter forbids it: then the mapping is trusted to be as long as it was.
            __builtin_memcpy(bytes, memory, part);
        } else if (got != static_cast<long>(part)) {
            return false;
        }
        bytes += part, offset += part, size -= part;
    }
    return true;
}

Str verdict_text(Verdict verdict) {
    switch (verdict) {
        case Verdict::ok:
            return "the ledger is readable";
        case Verdict::unreadable:
            return "the ledger can't be read; check that the file exists and is yours";
        case Verdict::not_a_ledger:
            return "this is no leakshim ledger (its first bytes are not a ledger's); leakshim-report "
                   "--list shows what can be named with --session";
        case Verdict::foreign_version:
            return "the ledger has another layout version than this tool; use the "
                   "leakshim-report of the leakshim that wrote it";
        case Verdict::corrupt:
            return "the ledger is damaged (its header contradicts itself); nothing in it was "
                   "used, remove the file";
    }
    return "";
}

Verdict read_header(Source& source, Header& header) {
    struct {
        u64 magic;
        u32 version;
        u32 size;
    } head{};
    if (!source.read(0, &head, sizeof head)) return Verdict::unreadable;
    if (head.magic != kMagic) return Verdict::not_a_ledger;
    if (head.version != kLayoutVersion) return Verdict::foreign_version;
    if (!source.read(0, static_cast<void*>(&header), sizeof header)) return Verdict::corrupt;
    return header_ok(header) ? Verdict::ok : Verdict::corrupt;
}

Walker::Walker(Source& source, const Header& header)
    : source_(source), header_(header), end_(header.next_chunk.load(std::memory_order_relaxed)) {}

bool Walker::load(u32 chunk, u32 count) {
    if (chunk - first_ < loaded_) return true;
    loaded_ = 0;
    u64 offset = static_cast<u64>(chunk) * kChunkSize;
    if (!source_.read(offset, buffer_, count * kChunkSize)) {
        // Of several, one may be beyond the end of a file that was cut short.
        if (count == 1 || !source_.read(offset, buffer_, kChunkSize)) return false;
        count = 1;
    }
    first_ = chunk;
    loaded_ = count;
    return true;
}

bool Walker::read(const Line& line, Entry& entry) const {
    const Record& record = *line.record_;
    // Field by field: to zero all of it first would be a third of the time that it takes.
    entry.handle = line.handle();
    entry.state = line.state();
    entry.generation = line.generation();
    entry.kind = line.kind();
    entry.flags = line.flags();
    entry.outcome = line.outcome();
    entry.owner = record.owner, entry.scope = record.scope, entry.site = record.site;
    entry.born = record.born;
    entry.number = line.number();
    entry.a = record.a, entry.b = record.b, entry.c = record.c, entry.d = record.d;
    entry.text = {};
    entry.parent = entry.process_scope = 0;
    entry.ppid = 0, entry.uid = 0, entry.exit_status = -1;
    const char* tail = reinterpret_cast<const char*>(&record + 1);
    u32 room = (record.lines - 1U) * static_cast<u32>(kLineSize);
    if (entry.kind == Kind::process) {
        const auto& process = *reinterpret_cast<const ProcessTail*>(tail);
        if (room < kProcessTailFixed || process.command_size > room - kProcessTailFixed) return false;
        entry.parent = process.parent;
        entry.process_scope = process.scope.load(std::memory_order_relaxed);
        entry.ppid = process.ppid, entry.uid = process.uid;
        entry.exit_status = process.exit_status.load(std::memory_order_relaxed);
        entry.text = Str(process.command, process.command_size);
    } else if (has_text(entry.kind) && (room != 0 || !is_fd(entry.kind))) {
        const auto& text = *reinterpret_cast<const TextTail*>(tail);
        // One byte is kept: every text is followed by a NUL within its lines, so it can be passed to the
        // kernel.
        if (room <= kTextTailFixed || text.size >= room - kTextTailFixed) return false;
        if (text.text[text.size] != '\0') return false;
        entry.text = Str(text.text, text.size);
        Str rest = entry.text;
        if (take_until(rest, '\0').size() != entry.text.size()) return false;
    }
    return true;
}

namespace {

/// Lines that are used and not freed: the text of a record that is gone may look like a record.
u64 taken_lines(const char* memory) {
    const auto& chunk = *reinterpret_cast<const ChunkHeader*>(memory);
    u64 taken = chunk.used.load(std::memory_order_relaxed) & ~chunk.freed.load(std::memory_order_relaxed);
    return taken & ~u64{1};
}

}  // namespace

/// Goes on to the next chunk that can be read. False at the end.
bool Walker::next_chunk() {
    for (;; ++broken_) {
        while (chunk_ < end_ && is_index_chunk(header_, chunk_))
            ++chunk_;
        if (chunk_ >= end_) return false;
        current_ = chunk_++;
        u32 left = end_ - current_;
        if (!load(current_, left < kAhead ? left : kAhead)) continue;
        rest_ = taken_lines(buffer_ + (current_ - first_) * kChunkSize);
        return true;
    }
}

bool Walker::next(Entry& entry) {
    Line line;
    while (next(line)) {
        if (read(line, entry)) return true;
    }
    return false;
}

bool Walker::get(Handle handle, Entry& entry) {
    u32 chunk = chunk_of(handle), number = line_of(handle);
    if (chunk < kFirstChunk || chunk >= end_ || number == 0 || is_index_chunk(header_, chunk)) return false;
    // Who goes from one to the next will want those that follow.
    u32 ahead = chunk == first_ + loaded_ && loaded_ != 0 && chunk + kAhead <= end_ ? kAhead : 1;
    if (!load(chunk, ahead)) return false;
    current_ = chunk;
    bool taken = (taken_lines(buffer_ + (chunk - first_) * kChunkSize) >> number & 1) != 0;
    Line line;
    line.record_ = &record_at(number);
    line.handle_ = handle;
    return taken && Line::sound(*line.record_, number) && read(line, entry);
}

}  // namespace leakshim::ledger
