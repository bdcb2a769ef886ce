// SPDX-License-Identifier: MIT
#include "file_id.h"

#include "sys.h"
#include "text.h"

// Newer than the headers of the oldest glibc that we build with.
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif
#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x2000
#endif
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U
#endif

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

// struct statx has grown since the headers we may be built with; the mount id has a fixed place in the ABI.
u64 mount_id_of(const struct statx& st) {
    constexpr size_t kMountIdOffset = 0x90;
    u64 id;
    __builtin_memcpy(&id, reinterpret_cast<const char*>(&st) + kMountIdOffset, sizeof id);
    return id;
}

}  // namespace

int file_facts(int dirfd, const char* path, FileFacts& facts) {
    struct statx st {};
    int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;
    int answer = sys::statx(dirfd, path, flags, STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID_UNIQUE, &st);
    if (answer < 0) return answer;
    facts.id.dev = static_cast<u64>(st.stx_dev_major) << 32 | st.stx_dev_minor;
    facts.id.ino = st.stx_ino;
    facts.id.birth = 0;
    if ((st.stx_mask & STATX_BTIME) != 0) {
        facts.id.birth = static_cast<u64>(st.stx_btime.tv_sec) * kSecond + st.stx_btime.tv_nsec;
    }
    facts.id.handle = handle_hash(dirfd, path);
    facts.mode = st.stx_mode;
    facts.uid = st.stx_uid;
    facts.links = st.stx_nlink;
    facts.size = st.stx_size;
    facts.blocks = st.stx_blocks;
    facts.mount = mount_id_of(st);
    facts.mount_root = (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
    return 0;
}

FileId file_id(int dirfd, const char* path) {
    FileFacts facts;
    return file_facts(dirfd, path, facts) == 0 ? facts.id : FileId{};
}

}  // namespace leakshim
