// SPDX-License-Identifier: MIT
#include "file_id.h"

#include "sys.h"
#include "text.h"

namespace leakshim {

namespace {

u64 handle_hash(int dirfd, const char* path) {
    struct {
        unsigned bytes = 128;  // MAX_HANDLE_SZ
        int type = 0;
        unsigned char data[128];
    } handle;
    int mount_id = 0;
    long answer = sys::call(SYS_name_to_handle_at, dirfd, sys::ptr(path), sys::ptr(&handle),
                            sys::ptr(&mount_id), AT_EMPTY_PATH);
    if (answer != 0 || handle.bytes > sizeof handle.data) return 0;
    u64 hash = hash_bytes(handle.data, handle.bytes, static_cast<u64>(handle.type) + 1);
    return hash == 0 ? 1 : hash;
}

}  // namespace

bool may_be_same(const FileId& one, const FileId& other) {
    bool same = one.known() && one.dev == other.dev && one.ino == other.ino;
    if (one.birth != 0 && other.birth != 0) same = same && one.birth == other.birth;
    if (one.handle != 0 && other.handle != 0) same = same && one.handle == other.handle;
    return same;
}

int statx_facts(int dirfd, const char* path, int flags, unsigned mask, FileFacts& facts) {
    // Newer than some headers, and fixed in the ABI.
    constexpr u64 kMountRoot = 0x2000;
    constexpr size_t kMountIdOffset = 0x90;
    struct statx st;  // the kernel fills all of it
    int answer = sys::statx(dirfd, path, flags, mask, &st);
    if (answer < 0) return answer;
    facts.id.dev = static_cast<u64>(st.stx_dev_major) << 32 | st.stx_dev_minor;
    facts.id.ino = st.stx_ino;
    facts.id.birth = 0;
    if ((st.stx_mask & STATX_BTIME) != 0) {
        facts.id.birth = static_cast<u64>(st.stx_btime.tv_sec) * kSecond + st.stx_btime.tv_nsec;
    }
    facts.id.handle = 0;
    facts.mode = st.stx_mode;
    facts.uid = st.stx_uid;
    facts.links = st.stx_nlink;
    facts.size = st.stx_size;
    facts.blocks = st.stx_blocks;
    __builtin_memcpy(&facts.mount, reinterpret_cast<const char*>(&st) + kMountIdOffset, sizeof facts.mount);
    facts.mount_root = (st.stx_attributes & kMountRoot) != 0;
    return 0;
}

int file_facts(int dirfd, const char* path, FileFacts& facts) {
    int answer = statx_facts(dirfd, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH,
                             STATX_BASIC_STATS | STATX_BTIME | kUniqueMountId, facts);
    if (answer == 0) facts.id.handle = handle_hash(dirfd, path);
    return answer;
}

FileId file_id(int dirfd, const char* path) {
    FileFacts facts;
    return file_facts(dirfd, path, facts) == 0 ? facts.id : FileId{};
}

}  // namespace leakshim
