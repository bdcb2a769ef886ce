// SPDX-License-Identifier: MIT
//
// The four memory functions and strlen, which a compiler may call on its own, for libleakshim.so alone (the
// tools use libc's). With hidden copies the shim imports none of them, so that a host or a sanitizer that
// exports its own, and may not be ready yet when the first hook runs, is never asked.
#include "types.h"

extern "C" {

void* memcpy(void* __restrict to, const void* __restrict from, size_t size) {
    auto* t = static_cast<unsigned char*>(to);
    const auto* f = static_cast<const unsigned char*>(from);
    for (; size >= 8; size -= 8, t += 8, f += 8) {
        leakshim::u64 word;
        __builtin_memcpy(&word, f, 8);
        __builtin_memcpy(t, &word, 8);
    }
    while (size-- != 0)
        *t++ = *f++;
    return to;
}

void* memmove(void* to, const void* from, size_t size) {
    auto* t = static_cast<unsigned char*>(to);
    const auto* f = static_cast<const unsigned char*>(from);
    if (t <= f) {
        memcpy(to, from,
               size);  // goes upwards, and reads each word before it writes it: good for this overlap
    } else {
        for (size_t i = size; i != 0; --i)
            t[i - 1] = f[i - 1];
    }
    return to;
}

void* memset(void* to, int value, size_t size) {
    auto* t = static_cast<unsigned char*>(to);
    leakshim::u64 word = 0x0101010101010101ULL * static_cast<unsigned char>(value);
    for (; size >= 8; size -= 8, t += 8)
        __builtin_memcpy(t, &word, 8);
    while (size-- != 0)
        *t++ = static_cast<unsigned char>(value);
    return to;
}

int memcmp(const void* a, const void* b, size_t size) {
    const auto* x = static_cast<const unsigned char*>(a);
    const auto* y = static_cast<const unsigned char*>(b);
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        leakshim::u64 one, other;
        __builtin_memcpy(&one, x + i, 8);
        __builtin_memcpy(&other, y + i, 8);
        if (one != other) break;
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
