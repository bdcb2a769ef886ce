// SPDX-License-Identifier: MIT
//
// The four memory functions and strlen, which a compiler may call on its own, for libleakshim.so alone (the
// tools use libc's). With hidden copies the shim imports none of them, so that a host or a sanitizer that
// exports its own, and may not be ready yet when the first hook runs, is never asked.
#include "types.h"

namespace {

using leakshim::u16;
using leakshim::u32;
using leakshim::u64;

template <typename Word>
Word load(const unsigned char* at) {
    Word word;
    __builtin_memcpy(&word, at, sizeof word);
    return word;
}

template <typename Word>
void store(unsigned char* at, Word word) {
    __builtin_memcpy(at, &word, sizeof word);
}

/// From one word to two of them: both ends, which overlap, and are read before anything is written.
template <typename Word>
void move_ends(unsigned char* to, const unsigned char* from, size_t size) {
    auto head = load<Word>(from), rest = load<Word>(from + size - sizeof(Word));
    store(to, head);
    store(to + size - sizeof(Word), rest);
}

/// No more than 16 bytes, whatever overlaps.
void move_few(unsigned char* to, const unsigned char* from, size_t size) {
    if (size >= 8)
        move_ends<u64>(to, from, size);
    else if (size >= 4)
        move_ends<u32>(to, from, size);
    else if (size >= 2)
        move_ends<u16>(to, from, size);
    else if (size == 1)
        *to = *from;
}

}  // namespace

extern "C" {

void* memcpy(void* __restrict to, const void* __restrict from, size_t size) {
    auto* t = static_cast<unsigned char*>(to);
    const auto* f = static_cast<const unsigned char*>(from);
    for (; size > 16; size -= 8, t += 8, f += 8)
        store(t, load<u64>(f));
    move_few(t, f, size);
    return to;
}

void* memmove(void* to, const void* from, size_t size) {
    auto* t = static_cast<unsigned char*>(to);
    const auto* f = static_cast<const unsigned char*>(from);
    // Upwards each word is read before it is written over; downwards, where that would not hold.
    if (t <= f || t >= f + size) return memcpy(to, from, size);
    for (; size > 16; size -= 8)
        store(t + size - 8, load<u64>(f + size - 8));
    move_few(t, f, size);
    return to;
}

void* memset(void* to, int value, size_t size) {
    auto* t = static_cast<unsigned char*>(to);
    u64 word = 0x0101010101010101ULL * static_cast<unsigned char>(value);
    for (; size >= 8; size -= 8, t += 8)
        store(t, word);
    while (size-- != 0)
        *t++ = static_cast<unsigned char>(value);
    return to;
}

int memcmp(const void* a, const void* b, size_t size) {
    const auto* x = static_cast<const unsigned char*>(a);
    const auto* y = static_cast<const unsigned char*>(b);
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        if (load<u64>(x + i) != load<u64>(y + i)) break;
    }
    for (; i < size; ++i) {
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    }
    return 0;
}

size_t strlen(const char* text) {
    size_t size = 0;
    while (text[size] != '\0')
        ++size;
    return size;
}

}  // extern "C"
