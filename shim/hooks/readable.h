// SPDX-License-Identifier: MIT
//
// May a pointer of the host be read? The kernel answers EFAULT to a bad one; a hook that looks first must not
// crash instead. Where the kernel can't be asked (a filter forbids it) the pointer is taken to be good.
//
// Each page is asked about once, and remembered for as long as its place in a small table is not taken by
// another: names lie on few pages. Safe in every thread and signal handler; never touches errno.
#pragma once

#include "types.h"

namespace leakshim::hooks {

constexpr u64 kPageSize = 4096;  // at least; a larger page is asked about more than once

/// Can the byte at `at`, and with it the rest of its page, be read?
bool readable(const void* at);

/// The same for every byte of a text, its NUL included.
bool readable_text(const char* text);

/// The same for an array that ends with a null pointer, and for each text in it.
bool readable_array(char* const* array);

/// The first address above `at` that lies on another page.
inline u64 next_page(const void* at) {
    return (reinterpret_cast<u64>(at) | (kPageSize - 1)) + 1;
}

}  // namespace leakshim::hooks
