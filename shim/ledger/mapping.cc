// SPDX-License-Identifier: MIT
#include "mapping.h"

#include <errno.h>
#include <sys/vfs.h>

#include "sys.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14
#endif

namespace leakshim::ledger {

namespace {

constexpr int kReadWrite = PROT_READ | PROT_WRITE;

}  // namespace

int Mapping::map(int fd, u64 file_size, const char* path, bool as_copy) {
    copy_ = as_copy;
    long base = sys::mmap(nullptr, kSegmentSize, kReadWrite, as_copy ? MAP_PRIVATE : MAP_SHARED, fd, 0);
    if (sys::failed(base)) return static_cast<int>(base);
    size_t i = 0;
    for (; path[i] != '\0' && i + 1 < sizeof path_; ++i)
        path_[i] = path[i];
    path_[i] = '\0';
    // What an earlier ledger of this process left.
    for (u32 i = 0; i < end_.load(std::memory_order_relaxed); ++i)
        if (segment(i) != nullptr) slot(i)->store(nullptr, std::memory_order_relaxed);
    note_segment(0);
    near_[0].store(reinterpret_cast<char*>(base), std::memory_order_release);
    u64 chunks = file_size / kChunkSize;
    limit_.store(chunks < kMaxChunks ? static_cast<u32>(chunks) : kMaxChunks, std::memory_order_release);
    return 0;
}

Mapping::Slot* Mapping::slot(u32 number) {
    if (number < kNear) return near_ + number;
    Slot* far = far_.load(std::memory_order_acquire);
    if (far != nullptr) return far + number;
    constexpr size_t kSize = kMaxSegments * sizeof(Slot);
    long memory = sys::mmap(nullptr, kSize, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (sys::failed(memory)) return nullptr;
    auto* made = reinterpret_cast<Slot*>(memory);
    if (far_.compare_exchange_strong(far, made, std::memory_order_acq_rel)) return made + number;
    sys::munmap(made, kSize);
    return far + number;
}

void Mapping::note_segment(u32 number) {
    u32 end = end_.load(std::memory_order_relaxed);
    while (end <= number && !end_.compare_exchange_weak(end, number + 1, std::memory_order_relaxed)) {
    }
}

void Mapping::forget() {
    limit_.store(0, std::memory_order_release);
}

void Mapping::unmap() {
    forget();
    for (u32 i = 0; i < end_.load(std::memory_order_relaxed); ++i) {
        char* base = segment(i) == nullptr ? nullptr : slot(i)->exchange(nullptr, std::memory_order_acq_rel);
        if (base != nullptr) sys::munmap(base, kSegmentSize);
    }
    Slot* far = far_.exchange(nullptr, std::memory_order_acq_rel);
    if (far != nullptr) sys::munmap(far, kMaxSegments * sizeof(Slot));
}

u64 Mapping::free_space() const {
    struct statfs space {};
    if (sys::call(SYS_statfs, sys::ptr(path_), sys::ptr(&space)) != 0) return 0;
    return static_cast<u64>(space.f_bavail) * static_cast<u64>(space.f_bsize);
}

void Mapping::replace() {
    for (u32 i = 0; i < end_.load(std::memory_order_acquire); ++i) {
        char* base = segment(i);
        if (base == nullptr) continue;
        sys::mmap(base, kSegmentSize, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    }
}

char* Mapping::map_segment(u32 number) {
    if (number >= chunk_limit() / (kSegmentSize / kChunkSize)) return nullptr;
    Slot* place = slot(number);
    if (place == nullptr) return nullptr;
    u32 near = number;
    while (near != 0 && segment(near - 1) == nullptr)
        --near;
    if (near == 0) return nullptr;
    --near;
    // mremap(2) with an old size of 0 maps the pages of a shared mapping once more, and further than before:
    // no descriptor is needed, and nothing that another thread uses moves. The part that repeats is given
    // back.
    char* from = segment(near);
    u64 repeated = static_cast<u64>(number - near) * kSegmentSize;
    long answer = copy_ ? -EINVAL : sys::mremap(from, 0, repeated + kSegmentSize, MREMAP_MAYMOVE);
    char* base = nullptr;
    if (sys::failed(answer)) {
        base = map_through_path(number);
        if (base == nullptr) return nullptr;
    } else {
        base = reinterpret_cast<char*>(answer) + repeated;
        sys::munmap(reinterpret_cast<void*>(answer), repeated);
    }
    char* expected = nullptr;
    note_segment(number);
    if (place->compare_exchange_strong(expected, base, std::memory_order_acq_rel)) return base;
    sys::munmap(base, kSegmentSize);
    return expected;
}

char* Mapping::map_through_path(u32 number) {
    int fd = sys::open(path_, (copy_ ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return nullptr;
    // The name may have been given to another file since: only our own, by its magic and id, is mapped
    // further.
    Header* header = static_cast<Header*>(first());
    char id[sizeof header->id];
    long got = sys::pread(fd, id, sizeof id, offsetof(Header, id));
    long base = -1;
    if (got == static_cast<long>(sizeof id) && __builtin_memcmp(id, header->id, sizeof id) == 0) {
        base = sys::mmap(nullptr, kSegmentSize, kReadWrite, copy_ ? MAP_PRIVATE : MAP_SHARED, fd,
                         static_cast<i64>(number * kSegmentSize));
    }
    sys::close(fd);
    return sys::failed(base) ? nullptr : reinterpret_cast<char*>(base);
}

bool Mapping::reserve_through_path(u64 offset, u64 size) {
    if (copy_) return true;
    int fd = sys::open(path_, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return false;
    int answer = sys::fallocate(fd, 0, static_cast<i64>(offset), static_cast<i64>(size));
    sys::close(fd);
    return answer == 0;
}

bool Mapping::reserve(u32 chunk, u32 count) {
    if (chunk > chunk_limit() || count > chunk_limit() - chunk) return false;
    u64 offset = chunk * kChunkSize;
    u64 end = offset + count * kChunkSize;
    while (offset < end) {
        u64 segment_end = (offset / kSegmentSize + 1) * kSegmentSize;
        u64 size = (end < segment_end ? end : segment_end) - offset;
        void* memory = at(offset);
        if (memory == nullptr) return false;
        int answer = sys::madvise(memory, size, MADV_POPULATE_WRITE);
        if (answer == -EINVAL || answer == -ENOSYS) {
            if (!reserve_through_path(offset, size)) return false;
        } else if (answer != 0) {
            return false;
        }
        offset += size;
    }
    return true;
}

}  // namespace leakshim::ledger
