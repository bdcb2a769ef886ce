// SPDX-License-Identifier: MIT
#include "pidfd.h"

#include <sys/vfs.h>

#include <atomic>

#include "sys.h"

namespace leakshim {

namespace {

constexpr long kPidfsMagic = 0x50494446;

enum class Pidfs : u8 { there = 1, unknown = 2 };
/// Whether a pidfd has been seen to lie in pidfs. Not zero at first, so that it lies in a page that each
/// start writes to anyway.
constinit std::atomic<Pidfs> pidfs{Pidfs::unknown};

bool lies_in_pidfs(int pidfd) {
    if (pidfs.load(std::memory_order_relaxed) == Pidfs::there) return true;
    struct statfs fs {};
    bool there = sys::call(SYS_fstatfs, pidfd, sys::ptr(&fs)) == 0 && fs.f_type == kPidfsMagic;
    if (there) pidfs.store(Pidfs::there, std::memory_order_relaxed);
    return there;
}

}  // namespace

u64 pidfd_inode(int pidfd) {
    if (!lies_in_pidfs(pidfd)) return 0;
    struct statx st {};
    const char none = '\0';  // on the stack, since a forked child has touched no page of constants yet
    return sys::statx(pidfd, &none, AT_EMPTY_PATH, STATX_INO, &st) < 0 ? 0 : st.stx_ino;
}

}  // namespace leakshim
