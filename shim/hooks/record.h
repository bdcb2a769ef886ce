// SPDX-License-Identifier: MIT
//
// How hooks write descriptors and names down. None of these functions touches errno. note_fd(), note_dup()
// and forget_fd() do nothing where nothing is recorded; every other may only be called when recording().
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include "hook.h"
#include "roots.h"

namespace leakshim::hooks {

using ledger::Handle;
using ledger::Kind;

/// What a socket is made for; Record::a of its record.
inline u64 socket_word(int domain, int type, u16 port = 0) {
    return static_cast<u64>(static_cast<u16>(domain)) | static_cast<u64>(static_cast<u16>(type & 0xf)) << 16 |
           static_cast<u64>(port) << 32;
}

/// What is written down of a new descriptor: of one of which nothing is known, but that it is there.
struct NewFd {
    Kind kind = Kind::other_fd;
    u8 flags = 0;
    u64 word = 0;
};

/// What the copy of a descriptor is: all but the address, and that it is no stdio stream's.
inline NewFd copy_of(const ledger::Record& from) {
    u8 flags = from.flags.load(std::memory_order_relaxed) & static_cast<u8>(~ledger::flag::kStdio);
    return {from.kind, flags, from.a};
}

/// `fd` is open since just now. An entry that still stands there was closed behind our back.
void note_fd(int fd, Kind kind, u8 flags = 0, u64 word = 0);

/// `fd` is about to be closed: its record goes first, since another thread may get the number at once.
void forget_fd(int fd);

/// The two halves of that: takes the entry of `fd` out of the table, 0 where there is none; and releases it.
Handle take_fd(int fd);
void release_fd(Handle handle);

/// What an open descriptor is, as fstat tells: file, pipe, socket, or other_fd.
Kind kind_of_fd(int fd);

/// `copy` was made from `fd` by dup and its kind: it gets a record like that of `fd`.
void note_dup(int fd, int copy);

/// Is this the record of `fd`, and made by `process`?
inline bool is_own(const ledger::Record& record, int fd, Handle process) {
    return record.owner == process && ledger::is_fd(record.kind) &&
           record.number.load(std::memory_order_relaxed) == fd &&
           ledger::state_of(record) == ledger::State::live;
}

/// The record of `fd` if it is this process's own.
ledger::Record* own_record(int fd);

/// The same, made when there is none: an inherited descriptor that this process does something new with.
ledger::Record* own_record_or_new(int fd, Kind kind);

/// Forgets every descriptor in [first, last].
void forget_range(u32 first, u32 last);

/// An absolute, normalised path, from what a *at function was given. False when it can't be told (and
/// counted). `relative` names are made absolute through getcwd or /proc/self/fd; symlinks stay as they are.
using PathText = Text<4096>;
bool absolute_path(int dirfd, const char* path, PathText& to);

/// Room for a PathText that takes none of the stack: a handler of signals may have 8 KiB in all, of which the
/// kernel's own frame is half. None is left only where no memory can be had.
class PathRoom {
  public:
    PathRoom();
    ~PathRoom();
    PathRoom(const PathRoom&) = delete;
    PathRoom& operator=(const PathRoom&) = delete;

    /// nullptr when there is none.
    PathText* get() { return text_; }

  private:
    PathText* text_ = nullptr;
    u32 place_;  ///< among those that are kept
};

/// What mknod(2) makes.
inline Kind kind_of_node(mode_t mode) {
    switch (mode & S_IFMT) {
        case S_IFIFO:
            return Kind::fifo;
        case S_IFSOCK:
            return Kind::unix_socket;
        case S_IFCHR:
        case S_IFBLK:
            return Kind::device;
        default:
            return Kind::temp_file;
    }
}

/// What linkat(2) makes: a file that had no name (O_TMPFILE) gets its first, any other one more.
Kind kind_of_link(int from_dir, const char* from, int flags);

/// May open(2) make a file? With O_PATH it never does: the kernel then reads neither O_CREAT nor O_EXCL.
inline bool may_create(int flags) {
    return (flags & (O_CREAT | O_PATH)) == O_CREAT;
}

/// A thing that is about to be made under a name. Writes an intent when the name is to be recorded.
///
///     Making making(AT_FDCWD, path, Kind::temp_dir);
///     int result = REAL(mkdir)(path, mode);
///     making.made(result == 0);
class Making {
  public:
    /// `flags`: ledger::flag::kByName where it is temporary wherever it lies, like a socket file.
    Making(int dirfd, const char* path, Kind kind, u8 flags = 0);
    Making(const Making&) = delete;
    Making& operator=(const Making&) = delete;

    /// Is an intent written, that is, does success make a record?
    bool wanted() const { return handle_ != 0; }
    /// The call came back, with `path` changed in place where it was a template. `fd`, where the call opened
    /// one, spares a look-up by name.
    void made(bool success, int fd = -1);
    /// The call won't come back. Who can't tell its file from somebody else's leaves it unresolved.
    void unwound(bool named_by_us);

  private:
    int dirfd_;
    const char* path_;
    Handle handle_ = 0;
    u64 directory_ = 0;  ///< hash of the name of the directory that it is made in, where that was looked at
};

/// A name that is about to go, or to change. The record is looked up before the call, since afterwards
/// somebody else may have made a new thing of that name, and followed or released after it. Of a new name an
/// intent is written before the call: who is killed right after it has left what the report knows.
///
///     Leaving leaving(AT_FDCWD, path);
///     int result = REAL(unlink)(path);
///     leaving.gone(result == 0);
class Leaving {
  public:
    Leaving(int dirfd, const char* path);
    Leaving(const Leaving&) = delete;
    Leaving& operator=(const Leaving&) = delete;

    /// The name is gone, if the call succeeded.
    void gone(bool success);
    /// The name is to become `path`, at which `there` may have found a record: inside the temporary places
    /// the record follows, outside the thing is a deliverable. So it is where it takes the place of what the
    /// run did not make, as an atomic write does: that name is somebody's.
    void becomes(int dirfd, const char* path, const Leaving& there);
    /// Both names are one thing's, or nothing is known of the new one: no record changes.
    bool stays() const { return !leaves_ && intent_ == 0; }
    /// It has become that, if the call succeeded.
    void renamed(bool success);

  private:
    bool unchanged() const;
    bool is_of(const FileId& found) const;

    Handle handle_ = 0;
    Handle intent_ = 0;   ///< of the new name
    bool leaves_ = true;  ///< the new name is not to be recorded, or there is no room
    u32 word_ = 0;        ///< Record::state, generation included, as it was found
    u64 key_ = 0;         ///< the name's in the index
};

}  // namespace leakshim::hooks
