// SPDX-License-Identifier: MIT
//
// Growing arrays and hash tables in memory straight from mmap(2): the reaper runs inside a host whose heap
// may be held by a thread that no longer runs. Pages are touched as they are used, and given back by the
// destructor.
//
// An operation that finds no memory says so (`push` is false, `insert` is false) and leaves things as they
// were.
#pragma once

#include "sys.h"
#include "text.h"

namespace leakshim::reap {

/// A page-aligned, zeroed block; nullptr when there is no memory.
inline void* take_pages(size_t size) {
    long at =
        sys::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return sys::failed(at) ? nullptr : reinterpret_cast<void*>(at);
}

/// One T in pages of its own, zeroed and never constructed: for what is too large for a host's stack.
template <typename T>
class Paged {
  public:
    Paged() : at_(static_cast<T*>(take_pages(sizeof(T)))) {}
    ~Paged() {
        if (at_ != nullptr) sys::munmap(at_, sizeof(T));
    }
    Paged(const Paged&) = delete;
    Paged& operator=(const Paged&) = delete;

    explicit operator bool() const { return at_ != nullptr; }
    T& operator*() const { return *at_; }
    T* operator->() const { return at_; }

  private:
    T* at_;
};

/// An array of trivially copyable things.
template <typename T>
class Array {
  public:
    Array() = default;
    ~Array() { reset(); }
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;

    bool push(const T& value) {
        if (size_ == capacity_ && !grow(size_ + 1)) return false;
        data_[size_++] = value;
        return true;
    }
    /// Appends `count` values as one; the index of the first, or ~0.
    size_t append(const T* values, size_t count) {
        if (capacity_ - size_ < count && !grow(size_ + count)) return ~size_t{0};
        __builtin_memcpy(static_cast<void*>(data_ + size_), values, count * sizeof(T));
        size_ += count;
        return size_ - count;
    }
    void truncate(size_t size) {
        if (size < size_) size_ = size;
    }
    void reset() {
        if (data_ != nullptr) sys::munmap(data_, capacity_ * sizeof(T));
        data_ = nullptr, size_ = capacity_ = 0;
    }

    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    T& operator[](size_t i) { return data_[i]; }
    const T& operator[](size_t i) const { return data_[i]; }
    T& back() { return data_[size_ - 1]; }
    T* begin() { return data_; }
    T* end() { return data_ + size_; }

  private:
    bool grow(size_t wanted) {
        size_t capacity = capacity_ == 0 ? (16384 + sizeof(T) - 1) / sizeof(T) : capacity_;
        while (capacity < wanted)
            capacity *= 2;
        if (capacity == capacity_) capacity *= 2;
        long at = 0;
        if (data_ == nullptr)
            at = sys::mmap(nullptr, capacity * sizeof(T), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        else
            at = sys::mremap(data_, capacity_ * sizeof(T), capacity * sizeof(T), MREMAP_MAYMOVE);
        if (sys::failed(at)) return false;
        data_ = reinterpret_cast<T*>(at);
        capacity_ = capacity;
        return true;
    }

    T* data_ = nullptr;
    size_t size_ = 0;
    size_t capacity_ = 0;
};

/// A map from well-mixed 64-bit keys (hashes) to numbers, or a set of them. Two things with one hash are
/// taken for one: users only ask where a wrong "yes" is harmless.
class HashMap {
  public:
    HashMap() = default;
    ~HashMap() { reset(); }
    HashMap(const HashMap&) = delete;
    HashMap& operator=(const HashMap&) = delete;

    /// Adds or overwrites. False when there is no memory.
    bool insert(u64 key, u32 value = 0) {
        if ((used_ + 1) * 2 > capacity_ && !grow()) return false;
        Slot& slot = slots_[place(key)];
        if (slot.key == 0) ++used_;
        slot = {key == 0 ? 1 : key, value};
        return true;
    }
    bool contains(u64 key) const { return find(key) != nullptr; }
    const u32* find(u64 key) const {
        if (used_ == 0) return nullptr;
        const Slot& slot = slots_[place(key)];
        return slot.key == 0 ? nullptr : &slot.value;
    }
    /// Calls `visit(key, value)` for each.
    template <typename Visit>
    void for_each(Visit visit) const {
        for (size_t i = 0; i < capacity_; ++i) {
            if (slots_[i].key != 0) visit(slots_[i].key, slots_[i].value);
        }
    }
    size_t size() const { return used_; }
    void reset() {
        if (slots_ != nullptr) sys::munmap(slots_, capacity_ * sizeof(Slot));
        slots_ = nullptr, used_ = capacity_ = 0;
    }

  private:
    struct Slot {
        u64 key;
        u32 value;
    };

    size_t place(u64 key) const {
        if (key == 0) key = 1;
        size_t at = key & (capacity_ - 1);
        while (slots_[at].key != 0 && slots_[at].key != key)
            at = (at + 1) & (capacity_ - 1);
        return at;
    }
    bool grow() {
        size_t old_capacity = capacity_;
        Slot* old = slots_;
        size_t capacity = capacity_ == 0 ? 1024 : capacity_ * 2;
        auto* slots = static_cast<Slot*>(take_pages(capacity * sizeof(Slot)));
        if (slots == nullptr) return false;
        slots_ = slots, capacity_ = capacity;
        for (size_t i = 0; i < old_capacity; ++i) {
            if (old[i].key != 0) slots_[place(old[i].key)] = old[i];
        }
        if (old != nullptr) sys::munmap(old, old_capacity * sizeof(Slot));
        return true;
    }

    Slot* slots_ = nullptr;
    size_t used_ = 0;
    size_t capacity_ = 0;
};

}  // namespace leakshim::reap
