// SPDX-License-Identifier: MIT
#include "directory.h"

#include <errno.h>

#include <algorithm>

#include "proc.h"
#include "sys.h"

namespace leakshim::session {

namespace {

constexpr u32 kOthersMayWrite = 022;
constexpr Str kSharedMemory = "/dev/shm";
constexpr int kSquatTries = 8;
constexpr int kSuffix = 8;      // random hex digits
constexpr size_t kShown = 600;  // bytes of a name in a sentence

enum class Fit { good, missing, orphan, unmakable, no_directory, foreign, shared, relative, long_name };

/// Why LEAKSHIM_DIR can't be used.
Str why_not(Fit fit) {
    switch (fit) {
        case Fit::orphan:
            return "the directory above it does not exist";
        case Fit::no_directory:
            return "it is no directory";
        case Fit::foreign:
            return "it belongs to another user";
        case Fit::shared:
            return "others can write to it";
        case Fit::relative:
            return "it is no absolute path";
        case Fit::long_name:
            return "its path is too long";
        default:
            return "it can't be made";
    }
}

Fit examine(const char* path) {
    struct statx st {};
    int answer = sys::statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &st);
    if (answer == -ENOENT) return Fit::missing;
    if (answer < 0) return Fit::unmakable;
    if (!S_ISDIR(st.stx_mode)) return Fit::no_directory;
    if (st.stx_uid != sys::geteuid()) return Fit::foreign;
    return (st.stx_mode & kOthersMayWrite) == 0 ? Fit::good : Fit::shared;
}

Fit examine_or_make(const char* path) {
    Fit fit = examine(path);
    if (fit != Fit::missing) return fit;
    int answer = sys::mkdirat(AT_FDCWD, path, 0700);
    // Somebody may have been faster: then it is judged like any other.
    if (answer == 0 || answer == -EEXIST) return examine(path);
    return answer == -ENOENT ? Fit::orphan : Fit::unmakable;
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
        Fit fit = wanted.front() != '/' ? Fit::relative
                  : to.truncated()      ? Fit::long_name
                                        : examine_or_make(to.c_str());
        if (fit == Fit::good) return true;
        complaints.add("LEAKSHIM_DIR=").add_safe(Str(wanted.data(), std::min(wanted.size(), kShown)));
        complaints.add(wanted.size() > kShown ? "..." : "");
        complaints.add(" can't hold the ledger, so nothing is recorded: ").add(why_not(fit));
        complaints.add(
            "; name an absolute path to a directory that you own and that nobody else can write to, or unset "
            "it\n");
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

void remove_session(int directory, const char* id) {
    for (Str suffix : {Str(".ledger"), Str(".clean"), Str(".txt"), Str(".log"), Str(".hang")}) {
        Text<64> name;
        name.add(id).add(suffix);
        sys::unlinkat(directory, name.c_str(), 0);
    }
}

}  // namespace leakshim::session
