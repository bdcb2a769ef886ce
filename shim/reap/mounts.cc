// SPDX-License-Identifier: MIT
#include "mounts.h"

namespace leakshim::reap {

namespace {

/// Undoes mountinfo's escapes (`\040` is a space), in place; see proc(5).
Str unescape(char* text, size_t size) {
    size_t out = 0;
    for (size_t i = 0; i < size; ++i, ++out) {
        if (text[i] != '\\' || i + 3 >= size) {
            text[out] = text[i];
            continue;
        }
        text[out] =
            static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
        i += 3;
    }
    return {text, out};
}

}  // namespace

bool has_mounts_below(Reaping& reaping, int dirfd, const char* name) {
    Text<32> link;
    link.add("fd/").add_decimal(static_cast<u64>(dirfd));
    TextBuffer path(reaping.buffers.text, sizeof reaping.buffers.text);
    char target[2048];
    Str directory = reaping.kernel.read_link(reaping.self_pid, link.c_str(), target, sizeof target);
    if (directory.empty() || directory.size() == sizeof target) return true;
    path.add(directory == "/" ? Str{} : directory).add('/').add(name);
    LineReader lines(reaping, reaping.self_pid, "mountinfo");
    Str line;
    bool any = false;
    while (lines.next(line)) {
        any = true;
        for (int skipped = 0; skipped < 4; ++skipped)
            next_field(line);
        Str field = next_field(line);
        // The line lies in the reader's block, which is ours to change.
        Str mount = unescape(const_cast<char*>(field.data()), field.size());
        if (policy::lies_in(mount, path.str())) return true;
    }
    return !any;
}

}  // namespace leakshim::reap
