// SPDX-License-Identifier: MIT
#include "roots.h"

#include "sys.h"

namespace leakshim::session {

namespace {

constexpr size_t kPathSize = 4096;

template <u32 kSize>
void append(ledger::TextList<kSize>& list, Str text) {
    if (text.empty() || text.size() + 1 > sizeof list.text - list.size) return;
    for (char c : text)
        list.text[list.size++] = c;
    list.text[list.size++] = '\0';
}

/// Length of the longest entry that `path` lies under, 0 for none. The root directory counts as 1.
template <u32 kSize>
size_t longest_match(const ledger::TextList<kSize>& list, Str path) {
    size_t longest = 0;
    Str rest(list.text, list.size <= sizeof list.text ? list.size : 0);
    while (!rest.empty()) {
        Str entry = take_until(rest, '\0');
        if (entry.size() > longest && is_below(path, entry)) longest = entry.size();
    }
    return longest;
}

/// The path without symlinks, as the kernel sees it; false when it does not exist.
bool canonical_path(const char* path, TextBuffer& to) {
    int fd = sys::open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) return false;
    Text<32> link;
    link.add("/proc/self/fd/").add_decimal(static_cast<u64>(fd));
    char target[kPathSize];
    long size = sys::readlinkat(AT_FDCWD, link.c_str(), target, sizeof target);
    sys::close(fd);
    if (size <= 0) return false;
    to.clear();
    to.add(Str(target, static_cast<size_t>(size)));
    return true;
}

/// Adds `path` as it is written and, where they differ, as the kernel sees it.
template <u32 kSize>
void append_both(ledger::TextList<kSize>& list, Str cwd, Str path) {
    Text<kPathSize> plain, canonical;
    if (path.empty() || !normalise_path(cwd, path, plain)) return;
    append(list, plain.str());
    if (canonical_path(plain.c_str(), canonical) && canonical.str() != plain.str())
        append(list, canonical.str());
}

bool exists_in(Str directory, Str name) {
    Text<kPathSize> path;
    path.add(directory).add('/').add(name);
    struct statx st {};
    return !path.truncated() && sys::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_TYPE, &st) == 0;
}

/// The version-control work tree that `directory` lies in; empty when there is none.
Str work_tree_of(Str directory) {
    while (directory.size() > 1) {
        for (Str mark : {Str(".git"), Str(".hg"), Str(".svn"), Str(".jj"), Str(".bzr")}) {
            if (exists_in(directory, mark)) return directory;
        }
        while (directory.size() > 1 && directory.back() != '/')
            directory.remove_suffix(1);
        while (directory.size() > 1 && directory.back() == '/')
            directory.remove_suffix(1);
    }
    return {};
}

/// `--basetemp=DIR` names DIR, `DIR` itself; an argument without a slash names nothing that matters here.
Str path_in_argument(Str argument) {
    Str value = argument;
    if (starts_with(argument, "-")) {
        take_until(value, '=');
    }
    for (char c : value) {
        if (c == '/') return value;
    }
    return {};
}

void fill_exempt_roots(ledger::Header& header, char** arguments, Str cwd, Str home) {
    append_both(header.exempt_roots, cwd, cwd);
    Str tree = work_tree_of(cwd);
    if (tree != cwd) append_both(header.exempt_roots, cwd, tree);
    append_both(header.exempt_roots, cwd, home);
    for (char** argument = arguments; argument != nullptr && *argument != nullptr; ++argument) {
        append_both(header.exempt_roots, cwd, path_in_argument(*argument));
    }
}

}  // namespace

bool is_below(Str path, Str directory) {
    if (directory == "/") return true;
    if (!starts_with(path, directory)) return false;
    return path.size() == directory.size() || path[directory.size()] == '/';
}

bool normalise_path(Str base, Str path, TextBuffer& to) {
    to.clear();
    if (path.empty() || path.front() != '/') to.add(base);
    return append_path(path, to);
}

bool append_path(Str path, TextBuffer& to) {
    if (!path.empty() && path.front() == '/') to.clear();
    if (to.str() == "/") to.clear();
    while (!path.empty()) {
        Str part = take_until(path, '/');
        if (part.empty() || part == ".") continue;
        if (part == "..") {
            size_t end = to.size();
            while (end != 0 && to.c_str()[--end] != '/') {
            }
            to.cut(end);
        } else {
            to.add('/').add(part);
        }
    }
    if (to.size() == 0) to.add('/');
    return !to.truncated();
}

bool is_temporary_place(const ledger::Header& header, Str path) {
    size_t temporary = longest_match(header.temp_roots, path);
    // A temporary root itself is nobody's to remove.
    return temporary != 0 && path.size() > temporary && temporary > longest_match(header.exempt_roots, path);
}

namespace {

template <u32 kSize>
bool has_entry_in(const ledger::TextList<kSize>& list, Str directory) {
    Str rest(list.text, list.size <= sizeof list.text ? list.size : 0);
    while (!rest.empty()) {
        Str entry = take_until(rest, '\0');
        if (entry.size() <= directory.size() + 1 || !is_below(entry, directory)) continue;
        entry.remove_prefix(directory.size() + 1);
        if (take_until(entry, '/').size() != 0 && entry.empty()) return true;
    }
    return false;
}

}  // namespace

Place place_of_all_in(const ledger::Header& header, Str directory) {
    if (has_entry_in(header.temp_roots, directory) || has_entry_in(header.exempt_roots, directory))
        return Place::mixed;
    size_t temporary = longest_match(header.temp_roots, directory);
    bool is = temporary != 0 && temporary > longest_match(header.exempt_roots, directory);
    return is ? Place::temporary : Place::permanent;
}

void fill_roots(ledger::Header& header, char** arguments, Str home, Str tmpdir, Str extra) {
    char buffer[kPathSize];
    long size = sys::getcwd(buffer, sizeof buffer);
    Str cwd = size > 1 ? Str(buffer, static_cast<size_t>(size - 1)) : Str("/");
    append(header.cwd, cwd);
    fill_exempt_roots(header, arguments, cwd, home);
    for (Str root : {Str("/tmp"), Str("/var/tmp"), Str("/dev/shm")})
        append_both(header.temp_roots, cwd, root);
    while (!extra.empty())
        append_both(header.temp_roots, cwd, take_until(extra, ','));
    // A TMPDIR that is, or lies above, something permanent is no temporary root.
    Text<kPathSize> place;
    if (tmpdir.empty() || !normalise_path(cwd, tmpdir, place)) return;
    Str rest(header.exempt_roots.text, header.exempt_roots.size);
    while (!rest.empty()) {
        if (is_below(take_until(rest, '\0'), place.str())) return;
    }
    append_both(header.temp_roots, cwd, place.str());
}

}  // namespace leakshim::session
