// SPDX-License-Identifier: MIT
#include "chance.h"

#include <algorithm>

namespace leakshim::tools {

namespace {

constexpr std::string_view kBetweenParts = "/ :=,;'\"()";
constexpr std::string_view kPythonsLetters = "abcdefghijklmnopqrstuvwxyz0123456789_";
constexpr size_t kPythonsTail = 8;
constexpr size_t kUuid = 36;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}
bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}
bool is_letter(char c) {
    return is_lower(c) || is_upper(c);
}
bool is_of_word(char c) {
    return is_digit(c) || is_letter(c);
}
bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool any_of(std::string_view text, bool (*is)(char)) {
    return std::any_of(text.begin(), text.end(), is);
}
bool all_of(std::string_view text, bool (*is)(char)) {
    return std::all_of(text.begin(), text.end(), is);
}

/// `tmp` and eight more: tempfile of Python.
bool is_python_name(std::string_view text) {
    return text.size() == 3 + kPythonsTail && text.starts_with("tmp") &&
           text.find_first_not_of(kPythonsLetters, 3) == text.npos;
}

/// 8-4-4-4-12 hexadecimal digits and nothing more of a word.
bool begins_with_uuid(std::string_view text) {
    if (text.size() < kUuid || (text.size() > kUuid && is_of_word(text[kUuid]))) return false;
    for (size_t i = 0; i < kUuid; ++i) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !is_hex(text[i])) return false;
    }
    return true;
}

bool is_hex_name(std::string_view word) {
    return word.size() >= 8 && all_of(word, is_hex) && any_of(word, is_letter) &&
           std::count_if(word.begin(), word.end(), is_digit) >= 2;
}

/// How often a word goes from letters to digits or back, or to an upper-case letter.
size_t turns_in(std::string_view word) {
    size_t turns = 0;
    for (size_t i = 1; i < word.size(); ++i) {
        bool to_upper = is_lower(word[i - 1]) && is_upper(word[i]);
        if (to_upper || is_digit(word[i - 1]) != is_digit(word[i])) ++turns;
    }
    return turns;
}

/// A word in which hardly two letters stand together: `a1b2c3`, and not `log4j2` or `sha256sum`.
bool looks_random(std::string_view word) {
    size_t turns = turns_in(word);
    bool restless = word.size() >= 16 ? turns * 4 >= word.size() : turns * 2 > word.size();
    return is_hex_name(word) || (word.size() >= 6 && restless);
}

/// Numbers count something at the end of a word, or where they are long; within one they are part of a name
/// (`log4j`, `sha256sum`, `7zip`).
void append_stable(std::string& to, std::string_view word) {
    if (looks_random(word)) {
        to += '*';
        return;
    }
    for (size_t at = 0; at < word.size();) {
        size_t end = at;
        while (end < word.size() && is_digit(word[end]) == is_digit(word[at]))
            ++end;
        bool within = end < word.size() && end - at <= (at == 0 ? 2 : 3);
        if (!is_digit(word[at]) || within)
            to += word.substr(at, end - at);
        else if (to.empty() || to.back() != '*')
            to += '*';
        at = end;
    }
}

/// What may come after each letter of the alphabet in a word, nearly always.
constexpr std::string_view kFollowers[] = {"bcdfgiklmnprstuvwxyz",
                                           "abeijlorsuy",
                                           "acehiklorstuy",
                                           "adegilmnorsuvwy",
                                           "abcdefgilmnopqrstuvwxy",
                                           "aefilorstuy",
                                           "aeghilnorsuy",
                                           "aeinorstuy",
                                           "abcdefgklmnopqrstuvxz",
                                           "aeou",
                                           "aeilnosy",
                                           "abcdefiklmopstuvy",
                                           "abeimnopsuy",
                                           "acdefgiklnostuvy",
                                           "abcdefghiklmnoprstuvwxy",
                                           "aehiloprstuy",
                                           "u",
                                           "abcdefgiklmnoprstuvwy",
                                           "aceghiklmnopqrstuwy",
                                           "aceghilmorstuwy",
                                           "abcdefgilmnoprstxz",
                                           "aeiouy",
                                           "aehilnorsy",
                                           "aceiptuy",
                                           "abcdeilmnopstuw",
                                           "aeiloyz"};

/// How little lower-case letters look like words: pairs that words hardly have.
int odd_pairs(std::string_view text) {
    int odd = 0;
    for (size_t i = 1; i < text.size(); ++i) {
        char first = text[i - 1], second = text[i];
        bool letters = is_lower(first) && is_lower(second);
        if (letters && kFollowers[first - 'a'].find(second) == std::string_view::npos) ++odd;
    }
    return odd;
}

/// What tempfile of Python puts behind a prefix and a mark such as `-`.
bool is_python_tail(std::string_view tail) {
    if (tail.find_first_not_of(kPythonsLetters) != tail.npos) return false;
    size_t end = tail.find_last_not_of("0123456789") + 1;  // a number at the end was counted up, perhaps
    return end != 0 && (end <= 3 || turns_in(tail) >= 4 || odd_pairs(tail.substr(0, end)) >= 2);
}

/// Pairs of letters as in words, with a number in one place at most and no more than one `_`.
bool is_like_words(std::string_view tail) {
    size_t numbers = 0;
    for (size_t i = 0; i < tail.size(); ++i)
        numbers += is_digit(tail[i]) && (i == 0 || !is_digit(tail[i - 1]));
    return odd_pairs(tail) == 0 && numbers <= 1 && std::count(tail.begin(), tail.end(), '_') <= 1;
}

/// Where an ending such as `.txt` begins.
size_t ending_of(std::string_view part) {
    constexpr size_t kLongest = 6;
    size_t dot = part.rfind('.');
    return dot != part.npos && dot != 0 && part.size() - dot <= kLongest ? dot : part.size();
}

void append_words(std::string& to, std::string_view text) {
    for (size_t at = 0; at < text.size();) {
        bool begins = at == 0 || !is_of_word(text[at - 1]);
        size_t end = std::min(text.find_first_of(" .", at), text.size());
        if (begins && is_python_name(text.substr(at, end - at))) {
            to += "tmp*";
            at = end;
        } else if (begins && begins_with_uuid(text.substr(at))) {
            to += '*';
            at += kUuid;
        } else if (!is_of_word(text[at])) {
            to += text[at++];
        } else {
            end = at;
            while (end < text.size() && is_of_word(text[end]))
                ++end;
            append_stable(to, text.substr(at, end - at));
            at = end;
        }
    }
}

/// As many `?` as there are letters and digits, and everything else.
std::string shape_of(std::string_view text) {
    std::string shape(text);
    std::replace_if(shape.begin(), shape.end(), is_of_word, '?');
    return shape;
}

/// A part of a path, or a word between blanks. `whole`: it is all of a name, or the last part of a path.
std::string part_without_chance(std::string_view part, bool whole, Use use) {
    size_t ending = ending_of(part);
    std::string_view stem = part.substr(0, ending);
    std::string result;
    bool separated = stem.size() > kPythonsTail && !is_of_word(stem[stem.size() - kPythonsTail - 1]);
    if (separated && is_python_tail(stem.substr(stem.size() - kPythonsTail))) {
        append_words(result, stem.substr(0, stem.size() - kPythonsTail));
        result += '*';
    } else {
        append_words(result, stem);
    }
    if (any_of(stem, is_of_word) && !any_of(result, is_of_word)) {
        bool number = !any_of(stem, is_letter);
        if (!number || (whole && use == Use::glob)) result = shape_of(stem);
    }
    append_words(result, part.substr(ending));
    return result;
}

/// Where the last part of a path begins.
size_t start_of_last(std::string_view path) {
    size_t slash = path.rfind('/');
    return slash == path.npos ? 0 : slash + 1;
}

/// `path` with chance in [from, from + size): as `*` where another letter stays of its last part.
std::string with_hole(std::string_view path, size_t from, size_t size) {
    std::string_view before = path.substr(0, from), after = path.substr(from + size);
    std::string_view last = path.substr(start_of_last(path));
    last.remove_suffix(std::min(after.size(), last.size() - ending_of(last)));
    bool named =
        static_cast<size_t>(std::count_if(last.begin(), last.end(), is_of_word)) >
        static_cast<size_t>(std::count_if(path.begin() + from, path.begin() + from + size, is_of_word));
    std::string hole = named ? "*" : std::string(size, '?');
    return std::string(before) + hole + std::string(after);
}

/// The part of a path that a template's last run of X stands for, where `name` was made from it: `any_ending`
/// where the program was told of an ending elsewhere. None: it was not, or this is no template.
std::optional<size_t> match_template(std::string_view pattern, std::string_view name, bool any_ending,
                                     size_t& size) {
    size_t last = pattern.rfind('X');
    if (last == pattern.npos) return {};
    size_t first = pattern.find_last_not_of('X', last);
    first = first == pattern.npos ? 0 : first + 1;
    size = last + 1 - first;
    std::string_view prefix = pattern.substr(0, first), ending = pattern.substr(last + 1);
    if (size < 3 || name.size() < first + size || !name.starts_with(prefix)) return {};
    if (!all_of(name.substr(first, size), is_of_word)) return {};
    std::string_view rest = name.substr(first + size);
    if (rest != ending && !(any_ending && rest.ends_with(ending))) return {};
    return first;
}

/// `mktemp` itself, which has a template of its own where it is given none.
bool is_mktemp(std::string_view command) {
    std::string_view program = command.substr(0, command.find('\0'));
    return program.substr(start_of_last(program)) == "mktemp";
}

}  // namespace

std::string without_chance(std::string_view text, Use use) {
    std::string result;
    for (size_t at = 0; at < text.size();) {
        size_t end = std::min(text.find_first_of(kBetweenParts, at), text.size());
        bool below = at == 0 || text[at - 1] == '/', above = end < text.size() && text[end] == '/';
        result += part_without_chance(text.substr(at, end - at), below && !above, use);
        if (end < text.size()) result += text[end++];
        at = end;
    }
    return result;
}

std::string without_template(std::string_view path) {
    constexpr size_t kChosen = 6;
    size_t start = start_of_last(path), end = path.size();
    if (size_t dot = path.rfind('.'); dot != path.npos && dot >= start + kChosen && end - dot < 6) end = dot;
    if (end < start + kChosen) return std::string(path);
    return with_hole(path, end - kChosen, kChosen);
}

std::optional<std::string> without_template_of(std::string_view command, std::string_view path) {
    constexpr std::string_view kBetween("\0/ \t\n'\"=()`;|&", 14);
    size_t start = start_of_last(path), size = 0;
    std::string_view name = path.substr(start);
    bool by_mktemp = is_mktemp(command);
    for (size_t at = command.find("XXX"); at != command.npos; at = command.find("XXX", at)) {
        size_t begin = command.find_last_of(kBetween, at);
        begin = begin == command.npos ? 0 : begin + 1;
        size_t end = std::min(command.find_first_of(kBetween, at), command.size());
        if (auto hole = match_template(command.substr(begin, end - begin), name, by_mktemp, size))
            return with_hole(path, start + *hole, size);
        at = end;
    }
    if (!by_mktemp) return {};
    if (auto hole = match_template("tmp.XXXXXXXXXX", name, true, size))
        return with_hole(path, start + *hole, size);
    return {};
}

std::optional<std::string> without_python_tail(std::string_view path, bool sure) {
    size_t start = start_of_last(path);
    // The longest name before an ending that has such a tail.
    for (size_t end = path.size(); end != path.npos && end >= start + kPythonsTail;
         end = path.rfind('.', end - 1)) {
        size_t from = end - kPythonsTail;
        std::string_view prefix = path.substr(start, from - start), tail = path.substr(from, kPythonsTail);
        if (tail.find_first_not_of(kPythonsLetters) != tail.npos) continue;
        bool in_word = !prefix.empty() && is_of_word(prefix.back());
        bool its_own = prefix == "tmp" || prefix == "mp-" || prefix == "psm_" || prefix == "listener-";
        // The end of a longer word, rather: `pytest-of-developer` is made as private as a temporary name.
        std::string_view word = path.substr(from - (in_word ? 1 : 0), kPythonsTail + (in_word ? 1 : 0));
        bool like_words = sure ? in_word && all_of(word, is_lower) && odd_pairs(word) == 0
                               : in_word || prefix.empty() || is_like_words(tail);
        if (like_words && !its_own) return {};
        return with_hole(path, from, kPythonsTail);
    }
    return {};
}

std::optional<std::string> without_odd_word(std::string_view path) {
    constexpr size_t kShortest = 5, kLongest = 16;
    size_t start = start_of_last(path);
    size_t end = start + ending_of(path.substr(start)), from = end;
    while (from > start && is_of_word(path[from - 1]))
        --from;
    if (path.substr(from, 3) == "tmp" && end - from >= 3 + kShortest) from += 3;
    std::string_view word = path.substr(from, end - from);
    if (word.size() < kShortest || word.size() > kLongest) return {};
    std::string lower(word);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; });
    if (!any_of(word, is_letter) || (turns_in(word) == 0 && odd_pairs(lower) == 0)) return {};
    return with_hole(path, from, word.size());
}

}  // namespace leakshim::tools
