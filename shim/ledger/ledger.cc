// SPDX-License-Identifier: MIT
//
// Creating and opening a ledger, and the life of a record. Where its lines come from is chunks.cc.
#include "ledger.h"

#include <sys/resource.h>

#include "sys.h"

namespace leakshim::ledger {

namespace {

/// The largest file that RLIMIT_FSIZE lets us make: one byte more would be a SIGXFSZ for the host.
u64 file_size_allowed() {
    struct rlimit limit {};
    long answer = sys::call(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, sys::ptr(&limit));
    u64 size = kMaxFileSize;
    if (answer == 0 && limit.rlim_cur < size) size = limit.rlim_cur / kSegmentSize * kSegmentSize;
    return size;
}

/// 0 when `fd` is a ledger that `uid` may write to, all of whose `size` bytes are there: beyond the end of a
/// file that was cut short the first touch is a SIGBUS.
int check_header(int fd, u32 uid, u64& size) {
    struct statx st {};
    int answer = sys::statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st);
    if (answer < 0) return answer;
    if (!S_ISREG(st.stx_mode)) return -EINVAL;
    if (st.stx_uid != uid) return -EPERM;
    // As much as the start of a Header, in one read.
    constexpr size_t kNeeded = offsetof(Header, next_chunk) + sizeof(u32);
    char start[kNeeded];
    auto number = [&](size_t offset) {
        u32 value;
        __builtin_memcpy(&value, start + offset, sizeof value);
        return value;
    };
    long got = sys::pread(fd, start, sizeof start, 0);
    if (got < static_cast<long>(offsetof(Header, layout_version) + sizeof(u32))) return -EINVAL;
    if (__builtin_memcmp(start, &kMagic, sizeof kMagic) != 0) return -EINVAL;
    if (number(offsetof(Header, layout_version)) != kLayoutVersion) return -EPROTO;
    if (got != static_cast<long>(sizeof start)) return -EINVAL;
    u32 limit = number(offsetof(Header, chunk_limit)), next = number(offsetof(Header, next_chunk));
    size = static_cast<u64>(limit) * kChunkSize;
    bool whole = size >= kSegmentSize && size <= kMaxFileSize && size <= st.stx_size && next <= limit;
    return whole ? 0 : -EINVAL;
}

}  // namespace

int Ledger::create(const char* path) {
    u64 size = file_size_allowed();
    if (size < kSegmentSize) return -EFBIG;
    int fd = sys::open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return fd;
    int answer = sys::ftruncate(fd, static_cast<i64>(size));
    if (answer == 0) answer = mapping_.map(fd, size, path);
    sys::close(fd);
    if (answer == 0 && !mapping_.reserve(0, kHeaderChunks + index_level_chunks(0) + 1)) {
        // A mapping keeps the blocks of a removed file.
        mapping_.unmap();
        answer = -ENOSPC;
    }
    if (answer != 0) {
        sys::unlinkat(AT_FDCWD, path, 0);
        return answer;
    }
    Header* head = header();
    head->header_size = sizeof(Header);
    head->chunk_limit = mapping_.chunk_limit();
    head->exit_status.store(-1, std::memory_order_relaxed);
    head->index_level[0].store(kHeaderChunks, std::memory_order_relaxed);
    head->next_chunk.store(kHeaderChunks + index_level_chunks(0), std::memory_order_relaxed);
    return 0;
}

void Ledger::seal() {
    Header* head = header();
    head->layout_version = kLayoutVersion;
    std::atomic_ref<u64>(head->magic).store(kMagic, std::memory_order_release);
}

int Ledger::attach(const char* path, bool as_copy) {
    int fd = sys::open(path, (as_copy ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return fd;
    u64 size = 0;
    int answer = check_header(fd, sys::geteuid(), size);
    if (answer == 0) answer = mapping_.map(fd, size, path, as_copy);
    sys::close(fd);
    return answer;
}

Handle Ledger::allocate(ThreadLease& lease, Kind kind, u32 tail_bytes) {
    u32 lines = lines_for(tail_bytes);
    if (lines >= kLinesPerChunk) {
        count(Counter::dropped_name);
        return 0;
    }
    Room room;
    if (lease.busy == 0 && lease.process != 0) {
        lease.busy = 1;
        std::atomic_signal_fence(std::memory_order_seq_cst);
        room = take_lines(lease, lines);
        std::atomic_signal_fence(std::memory_order_seq_cst);
        lease.busy = 0;
    } else {
        room = take_outside_lease(lease.process, lease.image, lines);
    }
    if (room.line == 0) return 0;
    Handle handle = make_handle(room.chunk, room.line);
    Record* record = at(handle);
    record->kind = kind;
    record->flags.store(0, std::memory_order_relaxed);
    record->outcome.store(Outcome::none, std::memory_order_relaxed);
    record->owner = record->scope = record->site = 0;
    record->born = 0;
    record->number.store(0, std::memory_order_relaxed);
    record->a = record->b = record->c = record->d = 0;
    return handle;
}

bool Ledger::move(Record& record, State from, State to) {
    u32 word = record.state.load(std::memory_order_acquire);
    if (state_of(word) != from) return false;
    return record.state.compare_exchange_strong(word, (word & ~0xffU) | static_cast<u32>(to),
                                                std::memory_order_acq_rel);
}

/// The one caller that gets the record may let go of what refers to it; its lines stay taken until
/// free_lines().
Record* Ledger::claim(Handle handle, u32 generation) {
    Record* record = at(handle);
    if (record == nullptr) return nullptr;
    u32 word = record->state.load(std::memory_order_acquire);
    do {
        if (state_of(word) == State::free) return nullptr;
        if (generation != kAnyGeneration && generation_of(word) != generation) return nullptr;
    } while (!record->state.compare_exchange_weak(word, word & ~0xffU, std::memory_order_acq_rel));
    return record;
}

void Ledger::free_lines(ThreadLease& lease, Handle handle, const Record& record) {
    u32 line = line_of(handle), lines = record.lines;
    if (lines == 0 || lines > kLinesPerChunk - line) return;  // a foreign hand was in it: the lines are lost
    u64 mask = ((u64{1} << lines) - 1) << line;
    bool own = false;
    if (lease.busy == 0) {
        lease.busy = 1;
        std::atomic_signal_fence(std::memory_order_seq_cst);
        own = lease.chunk == chunk_of(handle);
        if (own) {
            std::atomic<u64>& used = chunk_header(lease.chunk)->used;
            used.store(used.load(std::memory_order_relaxed) & ~mask, std::memory_order_release);
        }
        std::atomic_signal_fence(std::memory_order_seq_cst);
        lease.busy = 0;
    }
    if (!own) chunk_header(chunk_of(handle))->freed.fetch_or(mask, std::memory_order_release);
}

bool Ledger::release(ThreadLease& lease, Handle handle, u32 generation) {
    Record* record = claim(handle, generation);
    if (record == nullptr) return false;
    free_lines(lease, handle, *record);
    return true;
}

bool Ledger::release_indexed(ThreadLease& lease, Handle handle, u64 hash, u32 generation) {
    Record* record = claim(handle, generation);
    if (record == nullptr) return false;
    index_remove(hash, handle);
    free_lines(lease, handle, *record);
    return true;
}

}  // namespace leakshim::ledger
