// SPDX-License-Identifier: MIT
//
// dlsym(RTLD_NEXT, …) for the start of a process, at a tenth of its price: with more than a hundred names to
// find, the look-ups of the dynamic linker were most of what a process paid for its start.
//
// Guarantees: the answer of dlsym(3) or none. It searches what dlsym would search, in the same order (the
// objects loaded after us at the start, through their GNU hash tables), so another interposer is found before
// libc. Whatever is out of the ordinary (an object without such a table, an indirect function, a libc that is
// not glibc) is no answer, and the caller asks dlsym.
#pragma once

#include "types.h"

namespace leakshim::hooks {

/// The hash by which DT_GNU_HASH tables are keyed.
constexpr u32 gnu_hash(const char* name) {
    u32 hash = 5381;
    for (; *name != '\0'; ++name)
        hash = hash * 33 + static_cast<unsigned char>(*name);
    return hash;
}

/// Lists what is loaded now. Called once, by our constructor: before it, and for what is loaded later, there
/// is no answer.
void prepare_lookup();

/// True when look_up() will find whatever libc has, now and later: the list is whole, and can be searched.
bool lookup_is_whole();

/// The address that dlsym(RTLD_NEXT, name) would give, or nullptr for no answer.
void* look_up(const char* name, u32 hash);

/// The same from dlsym itself, which may allocate memory when there is no such function. Where there is no
/// dlsym, all that is loaded by now is searched.
void* look_up_slowly(const char* name, u32 hash);

}  // namespace leakshim::hooks
