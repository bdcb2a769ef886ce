// SPDX-License-Identifier: MIT
#include "roots.h"

#include "sys.h"

namespace leakshim::session {

using policy::longest_match;

namespace {

constexpr size_t kPathSize = 4096;

template <u32 kSize>
void append(ledger::TextList<kSize>& list, Str text) {
    if (text.empty() || text.size() + 1 > sizeof list.text - list.size) return;
    for (char c : text)
        list.text[list.size++] = c;
    list.text[list.size++] = '\0';
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

/// The same of what need not exist yet in a directory that does.
bool canonical_name(Str path, TextBuffer& to) {
    Text<kPathSize> directory;
    directory.add(path);
    if (canonical_path(directory.c_str(), to)) return true;
    size_t end = path.size();
    while (end > 1 && path[end - 1] != '/')
        --end;
    directory.cut(end);
    if (!canonical_path(directory.c_str(), to)) return false;
    path.remove_prefix(end);
    return append_path(path, to);
}

/// Adds `path` as it is written and, where they differ, as the kernel sees it.
template <u32 kSize>
void append_both(ledger::TextList<kSize>& list, Str cwd, Str path) {
    Text<kPathSize> plain, canonical;
    if (path.empty() || !normalise_path(cwd, path, plain)) return;
    append(list, plain.str());
    if (canonical_name(plain.str(), canonical) && canonical.str() != plain.str())
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

/// What the arguments exempt, written down where it makes a difference: the lists are short.
class Exempting {
  public:
    Exempting(ledger::Header& header, Str cwd) : header_(header), cwd_(cwd) {}

    /// Whatever may be meant as a path in one argument: `DIR`, `--basetemp=DIR`, `of=FILE`, `json:FILE`,
    /// `-oFILE`, `-v DIR:DIR`. What is taken for one and is none does no harm. `TMPDIR=DIR` names what is
    /// temporary.
    void paths_in(Str argument);

  private:
    void add(Str path);
    void add_if_it_matters(Str path);

    ledger::Header& header_;
    Str cwd_;
};

void Exempting::paths_in(Str argument) {
    if (starts_with(argument, "TMPDIR=")) return;
    bool is_option = argument.size() > 2 && argument[0] == '-';
    bool had_slash = false;
    for (size_t start = 0; start < argument.size(); ++start) {
        char before = start == 0 ? '=' : argument[start - 1];
        bool begins = before == '=' || before == ':' || before == ',' || before == '@';
        // Behind an option's one letter, or behind several options of one letter each, of which the last has
        // it.
        begins = begins || (is_option && (start == 2 || (argument[start] == '/' && !had_slash)));
        had_slash = had_slash || argument[start] == '/';
        if (argument[start] == '\n') return;  // a script's text
        if (!begins) continue;
        Str rest(argument.data() + start, argument.size() - start);
        add(rest);
        size_t end = 0;
        while (end < rest.size() && rest[end] != ':' && rest[end] != ',')
            ++end;
        if (end < rest.size()) add(Str(rest.data(), end));
    }
}

void Exempting::add(Str path) {
    bool has_slash = false;
    for (char c : path)
        has_slash = has_slash || c == '/';
    // Without a slash it names nothing that matters here.
    Text<kPathSize> plain, canonical;
    if (!has_slash || !normalise_path(cwd_, path, plain)) return;
    add_if_it_matters(plain.str());
    if (canonical_name(plain.str(), canonical)) add_if_it_matters(canonical.str());
}

void Exempting::add_if_it_matters(Str path) {
    size_t temporary = longest_match(header_.temp_roots, path);
    if (temporary > longest_match(header_.exempt_roots, path)) append(header_.exempt_roots, path);
}

void fill_exempt_roots(ledger::Header& header, char** arguments, Str cwd, Str home) {
    append_both(header.exempt_roots, cwd, cwd);
    Str tree = work_tree_of(cwd);
    if (tree != cwd) append_both(header.exempt_roots, cwd, tree);
    append_both(header.exempt_roots, cwd, home);
    Exempting exempting(header, cwd);
    for (char** argument = arguments; argument != nullptr && *argument != nullptr; ++argument) {
        exempting.paths_in(*argument);
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
    for (Str root : {Str("/tmp"), Str("/var/tmp"), Str("/dev/shm")})
        append_both(header.temp_roots, cwd, root);
    while (!extra.empty())
        append_both(header.temp_roots, cwd, take_until(extra, ','));
    u32 without_tmpdir = header.temp_roots.size;
    Text<kPathSize> place;
    bool has_place = !tmpdir.empty() && normalise_path(cwd, tmpdir, place);
    if (has_place) append_both(header.temp_roots, cwd, place.str());
    fill_exempt_roots(header, arguments, cwd, home);
    // A TMPDIR that is, or lies above, something permanent is no temporary root.
    Str rest(header.exempt_roots.text, header.exempt_roots.size);
    while (has_place && !rest.empty()) {
        if (is_below(take_until(rest, '\0'), place.str())) header.temp_roots.size = without_tmpdir;
    }
}

}  // namespace leakshim::session
