// SPDX-License-Identifier: MIT
//
// Names in the file system, as the hooks record them: when a name is recorded, and under which absolute path.
#include <errno.h>

#include "readable.h"
#include "record.h"
#include "sys.h"

namespace leakshim::hooks {

using ledger::Counter;

namespace {

Str without_last_part(Str path) {
    while (!path.empty() && path.back() != '/')
        path.remove_suffix(1);
    while (path.size() > 1 && path.back() == '/')
        path.remove_suffix(1);
    return path;
}

u64 records_made() {
    return the_header().counters[static_cast<u32>(Counter::records)].load(std::memory_order_acquire);
}

/// Of the directory last looked at, that neither it nor any above it had a record: the hash of its name plus
/// records_made() before the look, in one word. It holds until anybody in the session records one thing
/// more. A wrong match would make one record too many, and harm nothing.
constinit std::atomic<u64> last_outside{0};

/// An absolute, normalised name, and where its last slash is.
struct Name {
    Str text;
    size_t last = 0;

    Str directory() const { return {text.data(), last}; }
};

/// True when a directory above `name` has a record: what lies in it belongs to it. The directory that
/// leakshim-run makes for the whole run is none of the run's own doings: what lies in it is recorded.
/// `hash`: that of the nearest.
bool inside_recorded_tree(const Name& name, u64 hash) {
    u64 outside = hash + records_made();
    if (last_outside.load(std::memory_order_relaxed) == outside) return false;
    for (Str above = name.directory(); above.size() > 1; above = without_last_part(above)) {
        Handle handle = ledger::find_named(the_ledger(), Kind::temp_dir, above);
        if (handle == 0) continue;
        u8 flags = the_ledger().at(handle)->flags.load(std::memory_order_relaxed);
        return (flags & ledger::flag::kPrivate) == 0;
    }
    last_outside.store(outside, std::memory_order_relaxed);
    return false;
}

/// Of the directory whose place was asked about last: the hash of its name, and in the lowest bit whether all
/// that lies in it is temporary.
constinit std::atomic<u64> last_place{0};

/// `hash`: that of the directory.
bool is_temporary_place(const Name& name, u64 hash) {
    u64 known = last_place.load(std::memory_order_relaxed);
    if ((known | 1) == (hash | 1)) return (known & 1) != 0;
    session::Place place = session::place_of_all_in(the_header(), name.directory());
    if (place == session::Place::mixed) return session::is_temporary_place(the_header(), name.text);
    bool temporary = place == session::Place::temporary;
    last_place.store((hash & ~u64{1}) | (temporary ? 1 : 0), std::memory_order_relaxed);
    return temporary;
}

/// `hash`: becomes that of the directory, where it is asked for.
bool should_record(const Name& name, Kind kind, u8 flags, u64& hash) {
    // A socket file is recorded wherever it lies: it must go even when the tree around it is kept.
    if (kind == Kind::unix_socket) return true;
    bool by_name = (flags & ledger::flag::kByName) != 0;
    u64 own = hash_text(name.directory());
    if (!by_name && !is_temporary_place(name, own)) return false;
    hash = own;
    return !inside_recorded_tree(name, hash);
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

namespace {

/// As many as are likely to be in use at a time. A fork copies those that other threads use: they are lost to
/// the child, and it maps what it needs.
constexpr u32 kRooms = 4;
alignas(64) constinit char rooms[kRooms][(sizeof(PathText) + 63) & ~size_t{63}]{};
constinit std::atomic<u32> rooms_taken[kRooms]{};

}  // namespace

PathRoom::PathRoom() {
    void* memory = nullptr;
    for (place_ = 0; place_ < kRooms && memory == nullptr; ++place_) {
        if (rooms_taken[place_].exchange(1, std::memory_order_acquire) == 0) memory = rooms[place_];
    }
    if (memory != nullptr) {
        --place_;
    } else {
        long answer =
            sys::mmap(nullptr, sizeof(PathText), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (sys::failed(answer)) return;
        memory = reinterpret_cast<void*>(answer);
    }
    text_ = new (memory) PathText;
}

PathRoom::~PathRoom() {
    if (place_ < kRooms)
        rooms_taken[place_].store(0, std::memory_order_release);
    else if (text_ != nullptr)
        sys::munmap(text_, sizeof *text_);
}

Kind kind_of_link(int from_dir, const char* from, int flags) {
    // Only a descriptor leads to what has no name, and only with one of these.
    if (!recording() || (flags & (AT_EMPTY_PATH | AT_SYMLINK_FOLLOW)) == 0) return Kind::link;
    struct statx facts {};
    int answer = sys::statx(from_dir, from, flags & AT_EMPTY_PATH, STATX_NLINK, &facts);
    return answer == 0 && facts.stx_nlink == 0 ? Kind::temp_file : Kind::link;
}

bool absolute_path(int dirfd, const char* path, PathText& to) {
    if (!readable_text(path) || path[0] == '\0') return false;
    if (path[0] != '/' && !base_directory(dirfd, to)) return false;
    return session::append_path(path, to);
}

namespace {

/// Who ends what was begun: neither a time nor a place of making is asked for.
ledger::Author finisher() {
    ledger::Author author{the_ledger(), own_lease()};
    author.process = the_session().self;
    return author;
}

Str last_part(Str path) {
    size_t start = path.size();
    while (start != 0 && path[start - 1] != '/')
        --start;
    path.remove_prefix(start);
    return path;
}

Name name_of(Str text) {
    return {text, text.size() - last_part(text).size() - 1};
}

/// mkdtemp and its kind fill in the name's last six bytes: the intent has the template, the record gets the
/// name.
void refresh_name(ledger::Record& record, const char* path) {
    if ((record.flags.load(std::memory_order_relaxed) & ledger::flag::kByName) == 0) return;
    auto* tail = ledger::tail_of<ledger::TextTail>(record);
    // A path that begins with a slash, as the name does, is no shorter than the name; of the same length, it
    // is the name.
    if (path[0] == '/' && path[tail->size] == '\0') {
        __builtin_memcpy(tail->text, path, tail->size);
        return;
    }
    // The last part of the name is the last part of the path, whatever stands before either.
    Str part = last_part(path);
    if (part.size() > tail->size) return;
    __builtin_memcpy(tail->text + tail->size - part.size(), part.data(), part.size());
}

/// A top bit for each of the eight bytes at `at`, which is a multiple of eight, that is a '/' or stands
/// before it in ASCII: dot, dash, NUL. Such a word lies on one page, and may be read beyond the text's end:
/// of one that is not aligned memcheck would complain in the host's name.
u64 marks_at(u64 at) {
    constexpr u64 kOnes = 0x0101010101010101, kTops = kOnes << 7;
    u64 word;
    __builtin_memcpy(&word, reinterpret_cast<const void*>(at), sizeof word);
    return ((((word & ~kTops) + kOnes * (0x80 - '0')) | word) & kTops) ^ kTops;
}

/// The name that a path is which is absolute and normalised, as most are: no component of it is empty or
/// begins with a dot. Empty for any other, and for one that can't be read. Eight bytes at a time, since most
/// of a path is letters.
Name plain_name(const char* path) {
    if (!readable(path) || path[0] != '/') return {};
    auto start = reinterpret_cast<u64>(path);
    u64 at = start & ~u64{7};
    u64 marks = marks_at(at) & ~u64{0} << (start - at) * 8;
    for (size_t last = ~u64{1};;) {
        for (; marks != 0; marks &= marks - 1) {
            size_t i = at + static_cast<u64>(__builtin_ctzll(marks)) / 8 - start;
            char c = path[i];
            if (i == last + 1 && (c == '/' || c == '.' || c == '\0')) return {};
            if (c == '\0') return i < PathText::kCapacity ? Name{Str(path, i), last} : Name{};
            if (c == '/') last = i;
        }
        at += 8;
        if (at % kPageSize == 0 && !readable(reinterpret_cast<const void*>(at))) return {};
        marks = marks_at(at);
    }
}

/// The path itself where it is the name of something in its directory: no '/' in it, neither "." nor "..".
/// Else, and where it can't be read, empty.
Str bare_name(const char* path) {
    if (!readable(path) || path[0] == '/' || !readable_text(path)) return {};
    Str name = path;
    bool bare = last_part(name).size() == name.size() && name != "." && name != "..";
    return bare ? name : Str{};
}

/// Calls `use` with the name of a path, if it has one. Most paths are their names and not copied.
template <typename Use>
[[gnu::noinline]] void with_made_name(int dirfd, const char* path, Use use) {
    PathRoom room;
    PathText* text = room.get();
    if (text != nullptr && absolute_path(dirfd, path, *text)) use(name_of(text->str()));
}
template <typename Use>
inline void with_name(int dirfd, const char* path, Use use) {
    Name name = plain_name(path);
    if (name.text.empty()) [[unlikely]]
        return with_made_name(dirfd, path, use);
    use(name);
}

}  // namespace

Making::Making(int dirfd, const char* path, Kind kind, u8 flags) : dirfd_(dirfd), path_(path) {
    if (!recording()) return;
    with_name(dirfd, path, [&](const Name& name) {
        if (should_record(name, kind, flags, directory_))
            handle_ = ledger::begin_named(maker(kind), kind, name.text, flags);
    });
}

void Making::made(bool success, int fd) {
    Handle handle = handle_;
    if (handle == 0) return;
    handle_ = 0;
    if (!success) {
        ledger::release_persistent(finisher(), handle);
        return;
    }
    refresh_name(*the_ledger().at(handle), path_);
    u64 before = ledger::commit_new(finisher(), handle, fd >= 0 ? file_id(fd, "") : file_id(dirfd_, path_));
    if (directory_ == 0) return;
    // What is recorded now as well lies in that directory: it is neither that nor stands above it.
    u64 outside = directory_ + before;
    last_outside.compare_exchange_strong(outside, outside + 1, std::memory_order_relaxed);
}

void Making::unwound(bool named_by_us) {
    if (handle_ == 0) return;
    struct statx st {};
    bool there = sys::statx(dirfd_, path_, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &st) == 0;
    if (!there || named_by_us) made(there);
}

Leaving::Leaving(int dirfd, const char* path) {
    // Where nothing was ever recorded no name need be looked up.
    if (!recording() || records_made() == 0) return;
    // What a whole tree is removed by, name by name: where such a name lies costs a system call to find out.
    Str alone = bare_name(path);
    if (!alone.empty() && !ledger::may_be_recorded(the_header(), alone)) return;
    with_name(dirfd, path, [this](const Name& name) {
        key_ = ledger::name_key(Kind::temp_file, name.text);
        handle_ = ledger::find_named(the_ledger(), key_, Kind::temp_file, name.text, word_);
    });
}

bool Leaving::unchanged() const {
    return handle_ != 0 && the_ledger().at(handle_)->state.load(std::memory_order_acquire) == word_;
}

void Leaving::gone(bool success) {
    if (success && unchanged())
        ledger::release_named(finisher(), handle_, key_, ledger::generation_of(word_));
}

bool Leaving::is_of(const FileId& found) const {
    return unchanged() && may_be_same(ledger::file_id_of(*the_ledger().at(handle_)), found);
}

void Leaving::becomes(int dirfd, const char* path, const Leaving& there) {
    if (handle_ == 0) return;
    PathRoom room;
    ledger::Record& record = *the_ledger().at(handle_);
    bool known = room.get() != nullptr && absolute_path(dirfd, path, *room.get());
    Str text = known ? room.get()->str() : Str{};
    if (!known || ledger::name_of(record) == text) {
        leaves_ = false;
        return;
    }
    u8 flags = record.flags.load(std::memory_order_relaxed) & static_cast<u8>(~ledger::flag::kByName);
    u64 hash = 0;
    if (!should_record(name_of(text), record.kind, flags, hash)) return;
    FileFacts found;
    int answer = file_facts(dirfd, path, found);
    if (answer == 0 && is_of(found.id)) {  // two links of one file: rename(2) leaves both
        leaves_ = false;
        return;
    }
    if (answer != -ENOENT && !there.is_of(found.id)) return;
    intent_ = ledger::begin_rename(author(), handle_, text);
    if (intent_ == 0) return;
    // Whose name was made up by mkstemp has one now that somebody chose: temporary by its place alone.
    the_ledger().at(intent_)->flags.store(flags, std::memory_order_relaxed);
    leaves_ = false;
}

void Leaving::renamed(bool success) {
    if (success && unchanged()) {
        if (intent_ != 0) return ledger::commit_rename(author(), handle_, intent_);
        if (leaves_) ledger::release_persistent(author(), handle_);
    }
    if (intent_ != 0) ledger::release_persistent(author(), intent_);
}

}  // namespace leakshim::hooks
