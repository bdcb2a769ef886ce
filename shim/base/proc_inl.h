// SPDX-License-Identifier: MIT
//
// The templates of proc.h.
#pragma once

#include "sys.h"

namespace leakshim {

/// One record of getdents64(2); the name follows the fixed part.
struct DirectoryEntry {
    u64 ino;
    i64 offset;
    u16 size;
    u8 type;
    char name[1];
};

template <typename Visit>
bool for_each_entry(int dirfd, Visit visit) {
    alignas(DirectoryEntry) char buffer[2048];
    for (;;) {
        long got = sys::getdents(dirfd, buffer, sizeof buffer);
        if (got <= 0) return got == 0;
        for (long at = 0; at < got;) {
            const auto* entry = reinterpret_cast<const DirectoryEntry*>(buffer + at);
            at += entry->size;
            Str name(entry->name);
            if (name == "." || name == "..") continue;
            if (!visit(entry->name)) return false;
        }
    }
}

template <typename Visit>
bool for_each_process(Visit visit) {
    int proc = sys::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0) return false;
    bool complete = for_each_entry(proc, [&](const char* name) {
        u64 pid = 0;
        if (parse_decimal(name, pid)) visit(static_cast<int>(pid));
        return true;
    });
    sys::close(proc);
    return complete;
}

}  // namespace leakshim
