// SPDX-License-Identifier: MIT
//
// The ledger file in this process's memory, a segment at a time.
//
// Guarantees: no descriptor stays open; what was mapped for hooks is never moved or unmapped while the
// process lives (one may run after every destructor); nothing is touched that has no blocks behind it, so a
// full /dev/shm is an answer and never a SIGBUS. Lock-free and async-signal-safe; the mapping is inherited by
// fork.
#pragma once

#include "layout.h"

namespace leakshim::ledger {

class Mapping {
  public:
    /// Maps the first segment of the file open as `fd`, `file_size` bytes long. `path` is remembered for
    /// kernels on which a mapping cannot be extended by itself. Returns 0 or -errno.
    /// `as_copy`: what is written stays in this process's memory, and the file as it is.
    int map(int fd, u64 file_size, const char* path, bool as_copy = false);

    /// Forgets the mapping without unmapping it: another thread may be in the middle of a record.
    void forget();

    /// Takes back a map(): nobody may use the memory any more.
    void unmap();

    /// Puts private zeroed memory where the file was mapped. The addresses stay good; the file is out of
    /// reach.
    void replace();

    bool ready() const { return limit_.load(std::memory_order_acquire) != 0; }
    u32 chunk_limit() const { return limit_.load(std::memory_order_relaxed); }
    const char* path() const { return path_; }

    /// Memory at `offset`, mapped on demand; nullptr when it is out of range or there is no address space
    /// left.
    void* at(u64 offset) {
        u64 number = offset / kSegmentSize;
        if (number >= kMaxSegments) return nullptr;
        char* base = segment(number);
        if (base == nullptr) [[unlikely]]
            base = map_segment(static_cast<u32>(number));
        return base == nullptr ? nullptr : base + offset % kSegmentSize;
    }

    /// The first byte; nullptr when nothing is mapped.
    void* first() const { return near_[0].load(std::memory_order_relaxed); }

    /// Memory at an offset that at() has given before: no mapping is ever taken back.
    void* mapped(u64 offset) const { return segment(offset / kSegmentSize) + offset % kSegmentSize; }

    /// Makes sure that `count` chunks from `chunk` on have blocks behind them. False when the file system is
    /// full.
    bool reserve(u32 chunk, u32 count);

    /// Bytes that the file system has left for us (statfs(2)); 0 when that can't be found out.
    u64 free_space() const;

  private:
    using Slot = std::atomic<char*>;
    /// The table of those behind them is mapped when the first is: few processes come so far.
    static constexpr u32 kNear = 16;

    /// Where segment `number` is mapped, nullptr where it is not.
    char* segment(u64 number) const {
        if (number < kNear) [[likely]]
            return near_[number].load(std::memory_order_acquire);
        const Slot* far = far_.load(std::memory_order_acquire);
        return far == nullptr ? nullptr : far[number].load(std::memory_order_acquire);
    }
    /// The place of that address; nullptr where there is no memory for a table.
    Slot* slot(u32 number);
    char* map_segment(u32 number);
    void note_segment(u32 number);
    char* map_through_path(u32 number);
    bool reserve_through_path(u64 offset, u64 size);

    std::atomic<u32> limit_;
    std::atomic<u32> end_;  ///< one more than the last segment that was ever mapped
    char path_[512] = {};
    bool copy_ = false;
    Slot near_[kNear];
    std::atomic<Slot*> far_;  ///< of all, the first kNear of them unused
};

}  // namespace leakshim::ledger
