// SPDX-License-Identifier: MIT
//
// Which file a path names now, in a form that tells a file from another one made later under the same name.
#pragma once

#include "types.h"

namespace leakshim {

/// Identity of a file: device, inode, birth time and a hash of its file handle.
///
/// Device, inode and birth time alone are not enough: on ext4 a directory removed and made anew nearly always
/// gets all three back. The handle of name_to_handle_at(2) also holds the inode's generation.
struct FileId {
    u64 dev = 0;
    u64 ino = 0;
    u64 birth = 0;   ///< birth time in ns since the epoch; 0 when the file system keeps none
    u64 handle = 0;  ///< hash of the file handle; 0 when the file system has none (then it is not compared)

    bool known() const { return ino != 0; }
    bool operator==(const FileId&) const = default;
};

/// May two identities, of whatever times, be one file's? What either does not know is not compared.
bool may_be_same(const FileId& one, const FileId& other);

/// What else one statx(2) tells, for those who need it.
struct FileFacts {
    FileId id;
    u32 mode = 0;  ///< st_mode, with the type bits
    u32 uid = 0;
    u64 links = 0;
    u64 size = 0;
    u64 blocks = 0;  ///< of 512 bytes
    u64 mount = 0;   ///< mount id (unique when the kernel has STATX_MNT_ID_UNIQUE)
    bool mount_root = false;
};

/// Reads what `path` below `dirfd` names, without following a final symlink. An empty path means `dirfd`
/// itself. Returns 0, or -errno with `facts` untouched. Async-signal-safe; relies on statx(2),
/// name_to_handle_at(2).
int file_facts(int dirfd, const char* path, FileFacts& facts);

/// All of that but the file handle, by statx(2) with these `flags`, as far as `mask` asks for it.
int statx_facts(int dirfd, const char* path, int flags, unsigned mask, FileFacts& facts);

/// STATX_MNT_ID_UNIQUE (Linux 6.8), newer than the headers of the oldest glibc that we build with.
inline constexpr unsigned kUniqueMountId = 0x4000;

/// The identity alone; `FileId{}` (not known()) when the file can't be looked at.
FileId file_id(int dirfd, const char* path);

}  // namespace leakshim
