// SPDX-License-Identifier: MIT
#include "test_runner.h"

namespace leakshim::session {

namespace {

constexpr size_t kLongestName = 200;

Str base_name(Str path) {
    for (size_t slash = path.size(); slash != 0; --slash) {
        if (path[slash - 1] == '/') return Str(path.data() + slash, path.size() - slash);
    }
    return path;
}

/// `deps/NAME-0123456789abcdef`, as cargo names what it builds for its own use.
bool is_cargo_name(Str path) {
    constexpr size_t kDigits = 16;
    Str name = base_name(path);
    Str directory(path.data(), path.size() - name.size());
    bool in_deps = directory.size() >= 6 && Str(directory.data() + directory.size() - 6, 6) == "/deps/";
    if (!in_deps || name.size() < kDigits + 2 || name[name.size() - kDigits - 1] != '-') return false;
    for (char c : Str(name.data() + name.size() - kDigits, kDigits)) {
        if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) return false;
    }
    return true;
}

}  // namespace

bool runs_tests_as_children(Str command) {
    Str program = base_name(take_until(command, '\0'));
    if (program == "ctest") return true;
    if (starts_with(program, "python")) program = base_name(take_until(command, '\0'));
    return (program == "meson" || program == "meson.py") && take_until(command, '\0') == "test";
}

bool runs_tests_as_threads(Str command) {
    return is_cargo_name(take_until(command, '\0'));
}

void add_test_of_command(Str command, TextBuffer& to) {
    size_t start = to.size();
    for (bool first = true; !command.empty(); first = false) {
        if (!first) to.add(' ');
        to.add_safe(take_until(command, '\0'));
    }
    if (to.size() - start > kLongestName) to.cut(start + kLongestName), to.add("...");
}

}  // namespace leakshim::session
