// SPDX-License-Identifier: MIT
#include "encoding.h"

#include <fmt/format.h>
#include <wchar.h>

#include <algorithm>
#include <iterator>

namespace leakshim::tools {

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/// Nearly all names are, and a million of them are looked at.
bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// What moves the cursor, hides, or turns the text around it: a name could pass for another one.
bool is_deceptive(char32_t code) {
    struct Range {
        char32_t first, last;
    };
    constexpr Range kRanges[] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},       {0x61c, 0x61c},
        {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff},
    };
    return std::any_of(std::begin(kRanges), std::end(kRanges),
                       [code](const Range& range) { return code >= range.first && code <= range.last; });
}

void append_escaped(std::string& to, std::string_view bytes, const CodePoint& point) {
    if (point.valid && point.code > 0x7f) {
        fmt::format_to(std::back_inserter(to), "\\u{{{:04x}}}", static_cast<unsigned>(point.code));
        return;
    }
    fmt::format_to(std::back_inserter(to), "\\x{:02x}", static_cast<unsigned char>(bytes[0]));
}

bool is_plain_for_shell(char c) {
    return is_unreserved(c) || c == '/' || c == ':' || c == '=' || c == '@' || c == '%' || c == '+' ||
           c == ',';
}

/// Whether all of `text` can be shown as it is.
bool is_showable(std::string_view text, bool unicode) {
    while (!text.empty()) {
        CodePoint point = decode(text);
        if (!point.valid || is_deceptive(point.code) || (!unicode && point.code > 0x7f)) return false;
        text.remove_prefix(point.size);
    }
    return true;
}

std::string single_quoted(std::string_view text) {
    std::string quoted = "'";
    for (char c : text) {
        if (c == '\'')
            quoted += "'\\''";
        else
            quoted += c;
    }
    return quoted + "'";
}

/// Octal escapes, always of three digits: a hexadecimal one would swallow a digit that follows it.
std::string dollar_quoted(std::string_view text) {
    std::string quoted = "$'";
    for (char c : text) {
        if (c == '\'' || c == '\\')
            (quoted += '\\') += c;
        else if (c >= 0x20 && c < 0x7f)
            quoted += c;
        else
            fmt::format_to(std::back_inserter(quoted), "\\{:03o}", static_cast<unsigned char>(c));
    }
    return quoted + "'";
}

int width_of(char32_t code) {
    if (code < 0x7f) return 1;
    int width = wcwidth(static_cast<wchar_t>(code));
    return width < 0 ? 1 : width;
}

}  // namespace

CodePoint decode(std::string_view text) {
    if (text.empty()) return {};
    auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    unsigned char first = byte(0);
    if (first < 0x80) return {first, 1, true};
    size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < size) return {};
    char32_t code = first & (0x7fU >> size);
    for (size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {};
        code = code << 6 | (byte(i) & 0x3f);
    }
    constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < kSmallest[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
    return {code, size, true};
}

bool is_utf8(std::string_view text) {
    if (is_ascii(text)) return true;
    while (!text.empty()) {
        CodePoint point = decode(text);
        if (!point.valid) return false;
        text.remove_prefix(point.size);
    }
    return true;
}

std::string to_utf8(std::string_view text) {
    if (is_ascii(text)) return std::string(text);
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        CodePoint point = decode(text);
        result += point.valid ? text.substr(0, point.size) : kReplacement;
        text.remove_prefix(point.size);
    }
    return result;
}

std::string to_uri(std::string_view text) {
    std::string result;
    for (char c : text) {
        if (is_unreserved(c) || c == '/')
            result += c;
        else
            fmt::format_to(std::back_inserter(result), "%{:02X}", static_cast<unsigned char>(c));
    }
    return result;
}

std::string terminal_safe(std::string_view text, bool unicode) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        CodePoint point = decode(text);
        if (!point.valid || is_deceptive(point.code) || (!unicode && point.code > 0x7f))
            append_escaped(result, text, point);
        else
            result += text.substr(0, point.size);
        text.remove_prefix(point.size);
    }
    return result;
}

int display_width(std::string_view text) {
    int width = 0;
    while (!text.empty()) {
        CodePoint point = decode(text);
        width += point.valid ? width_of(point.code) : 1;
        text.remove_prefix(point.size);
    }
    return width;
}

std::string cut_to(std::string_view text, int columns, bool unicode) {
    if (display_width(text) <= columns) return std::string(text);
    std::string_view ellipsis = unicode ? "…" : "...";
    int room = columns - (unicode ? 1 : 3);
    if (room <= 0) return std::string(columns <= 0 ? 0 : static_cast<size_t>(columns), '.');
    size_t kept = 0;
    for (int used = 0; kept < text.size();) {
        CodePoint point = decode(text.substr(kept));
        used += point.valid ? width_of(point.code) : 1;
        if (used > room) break;
        kept += point.size;
    }
    return std::string(text.substr(0, kept)) + std::string(ellipsis);
}

std::vector<std::string> wrapped(std::string_view text, int columns) {
    std::vector<std::string> lines = {""};
    for (const std::string& word : split_bytes(text, ' ')) {
        std::string& last = lines.back();
        bool fits = last.empty() || columns <= 0 || display_width(last) + 1 + display_width(word) <= columns;
        if (!fits)
            lines.push_back(word);
        else
            (last.empty() ? last : last += ' ') += word;
    }
    return lines;
}

std::string shell_quoted(std::string_view text, bool unicode) {
    if (!is_showable(text, unicode)) return dollar_quoted(text);
    if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain_for_shell)) return std::string(text);
    return single_quoted(text);
}

std::string join_command(const std::vector<std::string>& arguments, bool unicode) {
    std::string line;
    for (const std::string& argument : arguments) {
        if (!line.empty()) line += ' ';
        line += shell_quoted(argument, unicode);
    }
    return line;
}

std::vector<std::string> split_bytes(std::string_view text, char separator) {
    std::vector<std::string> pieces;
    while (!text.empty()) {
        size_t end = std::min(text.find(separator), text.size());
        pieces.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return pieces;
}

}  // namespace leakshim::tools
