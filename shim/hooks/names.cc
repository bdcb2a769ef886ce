// SPDX-License-Identifier: MIT
//
// Names in the file system, as the hooks record them: when a name is recorded, and under which absolute path.
#include "readable.h"
#include "record.h"
#include "sys.h"

namespace leakshim::hooks {

using ledger::Counter;

namespace {

/// Bytes of `path` up to and with its last slash.
size_t without_last_part_size(Str path) {
    size_t size = path.size();
    while (size != 0 && path[size - 1] != '/')
        --size;
    return size;
}

Str without_last_part(Str path) {
    while (!path.empty() && path.back() != '/')
        path.remove_suffix(1);
    while (path.size() > 1 && path.back() == '/')
        path.remove_suffix(1);
    return path;
}

/// True when a directory above `path` has a record: what lies in it belongs to it. The directory that
/// leakshim-run makes for the whole run is none of the run's own doings: what lies in it is recorded.
bool inside_recorded_tree(Str path) {
    for (Str above = without_last_part(path); above.size() > 1; above = without_last_part(above)) {
        Handle handle = ledger::find_named(the_ledger(), Kind::temp_dir, above);
        if (handle == 0) continue;
        u8 flags = the_ledger().at(handle)->flags.load(std::memory_order_relaxed);
        return (flags & ledger::flag::kPrivate) == 0;
    }
    return false;
}

bool should_record(Str path, Kind kind, u8 flags) {
    // A socket file is recorded wherever it lies: it must go even when the tree around it is kept.
    if (kind == Kind::unix_socket) return true;
    bool by_name = (flags & ledger::flag::kByName) != 0;
    if (!by_name && !session::is_temporary_place(the_header(), path)) return false;
    return !inside_recorded_tree(path);
}

/// Puts the directory that a relative name starts from into `to`; false when it can't be told.
bool base_directory(int dirfd, PathText& to) {
    char* storage = const_cast<char*>(to.c_str());
    if (dirfd == AT_FDCWD) {
        long size = sys::getcwd(storage, PathText::kCapacity);
        // "(unreachable)" instead of a slash: outside of our root directory.
        if (size <= 1 || storage[0] != '/') return false;
        to.adopt(static_cast<size_t>(size - 1));
        return true;
    }
    Text<40> link;
    link.add("/proc/self/fd/").add_decimal(static_cast<u64>(static_cast<u32>(dirfd)));
    long size = sys::readlinkat(AT_FDCWD, link.c_str(), storage, PathText::kCapacity - 1);
    if (size <= 0 || storage[0] != '/') return false;
    to.adopt(static_cast<size_t>(size));
    return true;
}

}  // namespace

bool absolute_path(int dirfd, const char* path, PathText& to) {
    if (!readable_text(path) || path[0] == '\0') return false;
    if (path[0] != '/' && !base_directory(dirfd, to)) return false;
    return session::append_path(path, to);
}

namespace {

/// Nothing that a name could belong to was ever recorded: looking it up can be spared.
bool nothing_recorded() {
    return the_header().counters[static_cast<u32>(Counter::records)].load(std::memory_order_relaxed) == 0;
}

/// mkdtemp and its kind fill in the name's last six bytes: the intent has the template, the record gets the
/// name.
void refresh_name(ledger::Record& record, const char* path) {
    if ((record.flags.load(std::memory_order_relaxed) & ledger::flag::kByName) == 0) return;
    // The last part of the name is the last part of the path, whatever stands before either.
    Str part = path;
    part.remove_prefix(without_last_part_size(part));
    auto* tail = ledger::tail_of<ledger::TextTail>(record);
    if (part.size() > tail->size) return;
    __builtin_memcpy(tail->text + tail->size - part.size(), part.data(), part.size());
}

/// The first byte from `i` on, up to `end`, that is a '/' or stands before it in ASCII: dot, dash, NUL. Eight
/// at a time, since most of a path is letters.
size_t next_mark(const char* path, size_t i, size_t end) {
    constexpr u64 kOnes = 0x0101010101010101, kTops = kOnes << 7;
    for (u64 word = 0; i + sizeof word <= end; i += sizeof word) {
        __builtin_memcpy(&word, path + i, sizeof word);
        // The lowest bit that is set belongs to a byte below '0'; a borrow reaches upwards only.
        u64 low = (word - kOnes * '0') & ~word & kTops;
        if (low != 0) return i + static_cast<size_t>(__builtin_ctzll(low)) / 8;
    }
    while (i != end && static_cast<unsigned char>(path[i]) > '/')
        ++i;
    return i;
}

/// Bytes of a path that is absolute and normalised as it is: no component of it is empty or begins with a
/// dot. 0 for any other, and for one that can't be read.
size_t plain_size(const char* path) {
    if (!readable(path) || path[0] != '/') return 0;
    size_t page_end = next_page(path) - reinterpret_cast<u64>(path);
    for (size_t i = 1;; page_end += kPageSize) {
        for (; (i = next_mark(path, i, page_end)) != page_end; ++i) {
            char c = path[i];
            bool begins = path[i - 1] == '/';
            if (begins && (c == '/' || c == '.' || c == '\0')) return 0;
            if (c == '\0') return i;
        }
        if (!readable(path + i)) return 0;
    }
}

/// The path itself where it is the name of something in its directory: no '/' in it, neither "." nor "..".
/// Else, and where it can't be read, empty.
Str plain_name(const char* path) {
    if (!readable(path)) return {};
    size_t page_end = next_page(path) - reinterpret_cast<u64>(path);
    for (size_t i = 0;; page_end += kPageSize) {
        for (; (i = next_mark(path, i, page_end)) != page_end; ++i) {
            if (path[i] == '/') return {};
            if (path[i] != '\0') continue;
            Str name(path, i);
            return name == "." || name == ".." ? Str{} : name;
        }
        if (!readable(path + i)) return {};
    }
}

/// As absolute_path(), but a path that needs no change, as most, is not copied: `name` is the path itself
/// then.
bool absolute_name(int dirfd, const char* path, PathText& room, Str& name) {
    size_t size = plain_size(path);
    if (size != 0 && size < PathText::kCapacity) {
        name = Str(path, size);
        return true;
    }
    if (!absolute_path(dirfd, path, room)) return false;
    name = room.str();
    return true;
}

}  // namespace

Making::Making(int dirfd, const char* path, Kind kind, u8 flags) : dirfd_(dirfd), path_(path) {
    if (!recording()) return;
    PathText text;
    Str name;
    if (!absolute_name(dirfd, path, text, name) || !should_record(name, kind, flags)) return;
    handle_ = ledger::begin_named(maker(kind), kind, name, flags);
}

void Making::made(bool success, int fd) {
    Handle handle = handle_;
    if (handle == 0) return;
    handle_ = 0;
    if (!success) {
        ledger::release_persistent(author(), handle);
        return;
    }
    refresh_name(*the_ledger().at(handle), path_);
    ledger::commit_new(author(), handle, fd >= 0 ? file_id(fd, "") : file_id(dirfd_, path_));
}

void Making::unwound(bool named_by_us) {
    if (handle_ == 0) return;
    struct statx st {};
    bool there = sys::statx(dirfd_, path_, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &st) == 0;
    if (!there || named_by_us) made(there);
}

Leaving::Leaving(int dirfd, const char* path) {
    if (!recording() || nothing_recorded()) return;
    // What a whole tree is removed by, name by name: where such a name lies costs a system call to find out.
    Str last_part = plain_name(path);
    if (!last_part.empty() && !ledger::may_be_recorded(the_header(), last_part)) return;
    PathText text;
    Str name;
    if (!absolute_name(dirfd, path, text, name)) return;
    handle_ = ledger::find_named(the_ledger(), Kind::temp_file, name);
    if (handle_ != 0) word_ = the_ledger().at(handle_)->state.load(std::memory_order_acquire);
}

bool Leaving::unchanged() const {
    return handle_ != 0 && the_ledger().at(handle_)->state.load(std::memory_order_acquire) == word_;
}

void Leaving::gone(bool success) {
    if (success && unchanged()) ledger::release_persistent(author(), handle_);
}

void Leaving::becomes(int dirfd, const char* path) {
    if (handle_ == 0) return;
    PathText text;
    ledger::Record& record = *the_ledger().at(handle_);
    if (!absolute_path(dirfd, path, text) || ledger::name_of(record) == text.str()) {
        leaves_ = false;
        return;
    }
    u8 flags = record.flags.load(std::memory_order_relaxed) & static_cast<u8>(~ledger::flag::kByName);
    if (should_record(text.str(), record.kind, flags))
        intent_ = ledger::begin_rename(author(), handle_, text.str());
    leaves_ = intent_ == 0;
}

void Leaving::renamed(bool success) {
    if (success && unchanged()) {
        if (intent_ != 0) return ledger::commit_rename(author(), handle_, intent_);
        if (leaves_) ledger::release_persistent(author(), handle_);
    }
    if (intent_ != 0) ledger::release_persistent(author(), intent_);
}

}  // namespace leakshim::hooks
