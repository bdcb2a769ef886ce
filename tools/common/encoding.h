// SPDX-License-Identifier: MIT
//
// Bytes from outside (paths, command lines, names of threads and tests) in the forms that the tools print.
//
// A name on Linux is any bytes but NUL. JSON must be UTF-8, a terminal must see no control character, a line
// that is meant to be pasted must give back the very bytes. One function for each; none of them ever prints a
// byte as it came without having looked at it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leakshim::tools {

/// The code point at the start of `text`, and how many bytes it takes. `size` is 1 and `valid` false for a
/// byte that starts no well-formed sequence (overlong forms, surrogates and what lies beyond U+10FFFF are not
/// well-formed).
struct CodePoint {
    char32_t code = 0;
    size_t size = 1;
    bool valid = false;
};
CodePoint decode(std::string_view text);

bool is_utf8(std::string_view text);

/// `text` itself when it is UTF-8; else with U+FFFD for each byte that is not.
std::string to_utf8(std::string_view text);

/// Percent-encodes every byte but RFC 3986's unreserved characters and `/`.
std::string to_uri(std::string_view text);

/// For a terminal: control characters, invisible and direction-changing ones and bytes that are no UTF-8
/// become `\xNN` or `\u{NNNN}`; with `unicode` false (a terminal of another character set) all but ASCII
/// does.
std::string terminal_safe(std::string_view text, bool unicode);

/// Columns that `text`, which came from terminal_safe(), takes.
int display_width(std::string_view text);

/// The start of `text` (from terminal_safe()) that fits into `columns`, ended by an ellipsis when something
/// was cut.
std::string cut_to(std::string_view text, int columns, bool unicode);

/// Lines of at most `columns` (0: of any length), broken at blanks only: a path stays whole, even where it is
/// longer.
std::vector<std::string> wrapped(std::string_view text, int columns);

/// One word for a POSIX shell, safe on a terminal. Bytes that can't be shown are written as `$'\NNN'`, which
/// bash, zsh and ksh read back.
std::string shell_quoted(std::string_view text, bool unicode);

/// A command line as it would be typed, for people.
std::string join_command(const std::vector<std::string>& arguments, bool unicode);

/// `text` at each `separator`; a separator at the end adds no empty piece.
std::vector<std::string> split_bytes(std::string_view text, char separator);

}  // namespace leakshim::tools
