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

int check_header(int fd, u32 uid) {
    struct statx st {};
    int answer = sys::statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st);
    if (answer < 0) return answer;
    if (!S_ISREG(st.stx_mode) || st.stx_size < kHeaderChunks * kChunkSize) return -EINVAL;
    if (st.stx_uid != uid) return -EPERM;
    struct {
        u64 magic;
        u32 version;
        u32 size;
    } head{};
    if (sys::pread(fd, &head, sizeof head, 0) != static_cast<long>(sizeof head)) return -EINVAL;
    if (head.magic != kMagic) return -EINVAL;
    return head.version == kLayoutVersion ? 0 : -EPROTO;
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
    if (answer == 0 && !mapping_.reserve(0, kHeaderChunks + kIndexLevelChunks[0] + 1)) answer = -ENOSPC;
    if (answer != 0) {
        mapping_.forget();
        sys::unlinkat(AT_FDCWD, path, 0);
        return answer;
    }
    Header* head = header();
    head->header_size = sizeof(Header);
    head->chunk_limit = mapping_.chunk_limit();
    head->exit_status.store(-1, std::memory_order_relaxed);
    head->index_level[0].store(kHeaderChunks, std::memory_order_relaxed);
    head->next_chunk.store(kHeaderChunks + kIndexLevelChunks[0], std::memory_order_relaxed);
    head->reclaim_hand.store(kHeaderChunks + kIndexLevelChunks[0], std::memory_order_relaxed);
    return 0;
}

void Ledger::seal() {
    Header* head = header();
    head->layout_version = kLayoutVersion;
    std::atomic_ref<u64>(head->magic).store(kMagic, std::memory_order_release);
}

int Ledger::attach(const char* path) {
    int fd = sys::open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return fd;
    int answer = check_header(fd, sys::geteuid());
    if (answer == 0) {
        struct statx st {};
        sys::statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &st);
        answer = mapping_.map(fd, st.stx_size, path);
    }
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
    if (lease.busy == 0) {
        lease.busy = 1;
        std::atomic_signal_fence(std::memory_order_seq_cst);
        room = take_lines(lease, lines);
        std::atomic_signal_fence(std::memory_order_seq_cst);
        lease.busy = 0;
    } else {
        room = take_outside_lease(lease.process, lease.image, lines);
    }
    if (room.chunk == 0) return 0;
    Handle handle = make_handle(room.chunk, room.line);
    Record* record = at(handle);
    record->kind = kind;
    record->lines = static_cast<u8>(lines);
    record->flags.store(0, std::memory_order_relaxed);
    record->outcome.store(Outcome::none, std::memory_order_relaxed);
    record->owner = record->scope = record->site = 0;
    record->born = 0;
    record->number.store(0, std::memory_order_relaxed);
    record->a = record->b = record->c = record->d = 0;
    return handle;
}

void Ledger::publish(Record& record, State state) {
    u32 word = record.state.load(std::memory_order_relaxed);
    record.state.store((word & ~0xffU) | static_cast<u32>(state), std::memory_order_release);
}

bool Ledger::move(Record& record, State from, State to) {
    u32 word = record.state.load(std::memory_order_acquire);
    if (state_of(word) != from) return false;
    return record.state.compare_exchange_strong(word, (word & ~0xffU) | static_cast<u32>(to),
                                                std::memory_order_acq_rel);
}

bool Ledger::release(ThreadLease& lease, Handle handle) {
    Record* record = at(handle);
    if (record == nullptr) return false;
    u32 word = record->state.load(std::memory_order_acquire);
    u32 line = line_of(handle), lines = record->lines;
    do {
        if (state_of(word) == State::free) return false;
    } while (!record->state.compare_exchange_weak(word, (word & ~0xffU) + 0x100, std::memory_order_acq_rel));
    if (lines == 0 || lines > kLinesPerChunk - line) return true;  // a foreign hand was in it: the lines are lost
    u64 mask = (lines >= 64 ? ~u64{0} : (u64{1} << lines) - 1) << line;
    if (lease.busy == 0 && lease.chunk == chunk_of(handle)) {
        ChunkHeader* header = chunk_header(lease.chunk);
        lease.busy = 1;
        std::atomic_signal_fence(std::memory_order_seq_cst);
        header->used.store(header->used.load(std::memory_order_relaxed) & ~mask, std::memory_order_relaxed);
        std::atomic_signal_fence(std::memory_order_seq_cst);
        lease.busy = 0;
        return true;
    }
    give_back(chunk_of(handle), mask);
    return true;
}

}  // namespace leakshim::ledger
