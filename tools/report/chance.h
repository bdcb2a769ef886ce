// SPDX-License-Identifier: MIT
//
// What of a name is chance, as far as the name alone can tell: numbers, UUIDs, hexadecimal names, and what
// the usual makers of temporary names choose. Whoever knows how a name was made asks here first
// (lasting_names.h).
//
// A word that somebody may have written stays: a baseline or rule that is too wide lets new leaks through,
// one that is too narrow is noticed. So there is no `*` for all of a part of a path: what is chance as a
// whole becomes one `?` a byte.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace leakshim::tools {

/// What the `*` are for.
enum class Use {
    key,   ///< compared with another key, byte for byte
    glob,  ///< matched with other names: a number that is a whole name is as many `?`
};

/// Any text, such as a command line or a path, with `*` for chance in it.
std::string without_chance(std::string_view text, Use use = Use::key);

/// A path that mkdtemp(3) or one of its kind made: they put six letters and digits at its end, or before an
/// ending such as `.txt`.
std::string without_template(std::string_view path);

/// A path that was made from a template in this command line (`mktemp -d /tmp/x.XXXXXX`), NUL between the
/// arguments. None where there is no such template.
std::optional<std::string> without_template_of(std::string_view command, std::string_view path);

/// A path that Python's tempfile made: eight lower-case letters, digits and `_` behind the prefix. None
/// where there are no such eight or, unless it is `sure` that it is such a name, where they may be words.
std::optional<std::string> without_python_tail(std::string_view path, bool sure);

/// A path that another program made for itself alone, such as Perl or Rust: a last word in which there is a
/// number, or that no one would write. None where it looks like a word.
std::optional<std::string> without_odd_word(std::string_view path);

}  // namespace leakshim::tools
