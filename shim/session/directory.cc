// SPDX-License-Identifier: MIT
#include "directory.h"

#include <algorithm>

#include "layout.h"
#include "proc.h"
#include "sys.h"

namespace leakshim::session {

namespace {

constexpr u32 kOthersMayWrite = 022;
constexpr Str kSharedMemory = "/dev/shm";
constexpr int kSquatTries = 8;
constexpr int kSuffix = 8;  // random hex digits
constexpr u32 kMaxListed = 4096;
constexpr size_t kShown = 600;  // bytes of a name in a sentence

enum class Fit { good, missing, foreign };

Fit examine(const char* path) {
    struct statx st {};
    int answer = sys::statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &st);
    if (answer == -ENOENT) return Fit::missing;
    if (answer < 0 || !S_ISDIR(st.stx_mode) || st.stx_uid != sys::geteuid()) return Fit::foreign;
    return (st.stx_mode & kOthersMayWrite) == 0 ? Fit::good : Fit::foreign;
}

Fit examine_or_make(const char* path) {
    Fit fit = examine(path);
    if (fit != Fit::missing) return fit;
    int answer = sys::mkdirat(AT_FDCWD, path, 0700);
    // Somebody may have been faster: then it is judged like any other.
    return answer == 0 || answer == -EEXIST ? examine(path) : Fit::missing;
}

/// One session on disk, as far as pruning needs it.
struct Listed {
    char id[33];
    u64 ended;
};

u64 time_of_end(int directory, const char* name) {
    struct statx st {};
    if (sys::statx(directory, name, AT_SYMLINK_NOFOLLOW, STATX_MTIME, &st) < 0) return 0;
    return static_cast<u64>(st.stx_mtime.tv_sec) * kSecond + st.stx_mtime.tv_nsec;
}

bool ledger_has_ended(int directory, const char* name) {
    int fd = sys::openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return false;
    u32 phase = 0;
    sys::pread(fd, &phase, sizeof phase, offsetof(ledger::Header, phase));
    sys::close(fd);
    return phase == static_cast<u32>(ledger::Phase::ended);
}

void remove_session(int directory, const char* id) {
    for (Str suffix : {Str(".ledger"), Str(".clean"), Str(".txt"), Str(".log")}) {
        Text<64> name;
        name.add(id).add(suffix);
        sys::unlinkat(directory, name.c_str(), 0);
    }
}

bool ends_with(Str text, Str suffix) {
    return text.size() > suffix.size() &&
           Str(text.data() + text.size() - suffix.size(), suffix.size()) == suffix;
}

/// Where somebody else has the name `to`: the directory with a suffix that an earlier session has made, if
/// there is one.
bool find_spare(DirectoryPath& to) {
    int fd = sys::open(kSharedMemory.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    Str taken = to.str();
    taken.remove_prefix(kSharedMemory.size() + 1);
    DirectoryPath candidate;
    bool found = false;
    for_each_entry(fd, [&](const char* entry) {
        Str name = entry;
        if (name.size() != taken.size() + 1 + kSuffix || !starts_with(name, taken)) return true;
        if (name[taken.size()] != '.') return true;
        candidate.clear();
        candidate.add(kSharedMemory).add('/').add(name);
        found = examine(candidate.c_str()) == Fit::good;
        return !found;
    });
    sys::close(fd);
    if (!found) return false;
    to.clear();
    to.add(candidate.str());
    return true;
}

}  // namespace

bool find_directory(Str wanted, DirectoryPath& to, TextBuffer& complaints) {
    if (!wanted.empty()) {
        to.add(wanted);
        while (to.size() > 1 && to.str().back() == '/') {
            DirectoryPath shorter;
            shorter.add(Str(to.c_str(), to.size() - 1));
            to.clear();
            to.add(shorter.str());
        }
        if (wanted.front() == '/' && !to.truncated() && examine_or_make(to.c_str()) == Fit::good) return true;
        complaints.add("LEAKSHIM_DIR=").add_safe(Str(wanted.data(), std::min(wanted.size(), kShown)));
        complaints.add(wanted.size() > kShown ? "..." : "");
        complaints.add(
            " can't hold the ledger, so nothing is recorded: it must be an absolute path to a directory "
            "that you own and that nobody else can write to; name another, or unset it\n");
        return false;
    }
    to.add(kSharedMemory).add("/leakshim-").add_decimal(sys::geteuid());
    if (examine_or_make(to.c_str()) == Fit::good || find_spare(to)) return true;
    for (int i = 0; i < kSquatTries; ++i) {
        u32 random = 0;
        sys::getrandom(&random, sizeof random);
        to.clear();
        to.add(kSharedMemory).add("/leakshim-").add_decimal(sys::geteuid()).add('.').add_hex(random, kSuffix);
        if (sys::mkdirat(AT_FDCWD, to.c_str(), 0700) == 0) return true;
    }
    complaints.add(
        "no directory for the ledger can be made in /dev/shm, so nothing is recorded; set LEAKSHIM_DIR to "
        "a directory of yours\n");
    return false;
}

void prune_directory(Str directory, u64 keep) {
    DirectoryPath path;
    path.add(directory);
    int fd = sys::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return;
    size_t size = kMaxListed * sizeof(Listed);
    long memory = sys::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (sys::failed(memory)) {
        sys::close(fd);
        return;
    }
    auto* listed = reinterpret_cast<Listed*>(memory);
    u32 count = 0;
    for_each_entry(fd, [&](const char* name) {
        bool ledger = ends_with(name, ".ledger");
        if (!ledger && !ends_with(name, ".clean")) return true;
        Str id = name;
        id = take_until(id, '.');
        if (id.size() != 32 || (ledger && !ledger_has_ended(fd, name))) return true;
        Listed& entry = listed[count++];
        for (size_t i = 0; i < 32; ++i)
            entry.id[i] = id[i];
        entry.id[32] = '\0';
        entry.ended = time_of_end(fd, name);
        return count < kMaxListed;
    });
    // Few are above the limit at a time, so the oldest is looked for anew each time.
    for (u64 left = count; left > keep; --left) {
        Listed* oldest = nullptr;
        for (u32 i = 0; i < count; ++i) {
            if (listed[i].ended != ~u64{0} && (oldest == nullptr || listed[i].ended < oldest->ended)) {
                oldest = &listed[i];
            }
        }
        remove_session(fd, oldest->id);
        oldest->ended = ~u64{0};
    }
    sys::munmap(listed, size);
    sys::close(fd);
}

}  // namespace leakshim::session
