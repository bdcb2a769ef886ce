// SPDX-License-Identifier: MIT
#include "findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "encoding.h"
#include "text_words.h"

namespace leakshim::tools {

namespace {

using ledger::Kind;
using policy::Degree;

Style machine_style(bool redact) {
    Style style;
    style.redact = redact;
    style.all = true;
    return style;
}

/// `dir/file.py:12` at its last colon; no line where none is written.
Place place_from(std::string_view text) {
    size_t colon = text.rfind(':');
    Place place = {std::string(text), 0};
    if (colon == text.npos) return place;
    auto [end, error] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), place.line);
    if (error != std::errc{} || end != text.data() + text.size()) return {std::string(text), 0};
    place.file.resize(colon);
    return place;
}

std::string relative_to(const std::string& directory, std::string file) {
    bool below = !directory.empty() && file.starts_with(directory) && file.size() > directory.size() + 1 &&
                 file[directory.size()] == '/';
    return below ? file.substr(directory.size() + 1) : file;
}

/// The name of all that is no path, with everything in it that tells what the thing is.
std::string name_of(const Report& report, const Item& item) {
    if (item.kind == Kind::process) {
        const Process* process = report.process_of(item);
        std::string name;
        if (process == nullptr) return name;
        for (const std::string& argument : command_of(*process, true))
            name += (name.empty() ? "" : " ") + argument;
        return name;
    }
    if (item.kind == Kind::thread) return thread_name_of(item);
    if (item.kind == Kind::socket) {
        SocketFacts socket = socket_of(item);
        return socket.family + " " + socket.type + " " + socket.address + socket.path;
    }
    return std::string(item.text);
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_of_word(char c) {
    return is_digit(c) || is_letter(c);
}

/// tempfile of Python: `tmp` and eight of these.
bool is_python_name(std::string_view text) {
    if (text.size() != 11 || !text.starts_with("tmp")) return false;
    return text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_", 3) == text.npos;
}

bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// As long as mkdtemp(3)'s at least, and nothing but hexadecimal digits, with numbers among them.
bool is_hex_name(std::string_view word) {
    return word.size() >= 6 && std::all_of(word.begin(), word.end(), is_hex) &&
           std::any_of(word.begin(), word.end(), is_digit);
}

/// 8-4-4-4-12 hexadecimal digits and nothing more of a word.
bool begins_with_uuid(std::string_view text) {
    constexpr size_t kSize = 36;
    if (text.size() < kSize || (text.size() > kSize && is_of_word(text[kSize]))) return false;
    for (size_t i = 0; i < kSize; ++i) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !is_hex(text[i])) return false;
    }
    return true;
}

/// Letters after digits, or both cases mixed as nobody writes them, in a word as long as mkdtemp(3) makes.
bool looks_random(std::string_view word) {
    if (word.size() < 6) return false;
    if (is_hex_name(word)) return true;
    int turns = 0;
    for (size_t i = 1; i < word.size(); ++i) {
        if (is_digit(word[i - 1]) && is_letter(word[i])) return true;
        bool was_upper = word[i - 1] <= 'Z', is_upper = word[i] <= 'Z';
        if (!was_upper && is_upper && is_letter(word[i])) ++turns;
    }
    return turns >= 2 && word.size() <= 10;
}

void append_stable(std::string& to, std::string_view word) {
    if (looks_random(word)) {
        to += '*';
        return;
    }
    for (char c : word) {
        if (!is_digit(c))
            to += c;
        else if (to.empty() || to.back() != '*')
            to += '*';
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
                                           "acehilmorstuwy",
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
        bool letters = first >= 'a' && first <= 'z' && second >= 'a' && second <= 'z';
        if (letters && kFollowers[first - 'a'].find(second) == std::string_view::npos) ++odd;
    }
    return odd;
}

/// What tempfile of Python puts behind any prefix: eight of these. It may be letters alone; then it is taken
/// for chance where no word looks like that. `separated`: somebody put a mark between prefix and this.
bool is_python_tail(std::string_view tail, bool separated) {
    if (tail.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != tail.npos) return false;
    size_t end = tail.find_last_not_of("0123456789") + 1;  // a number at the end was counted up, perhaps
    if (end == 0) return false;
    std::string_view front = tail.substr(0, end);
    if (separated && end <= 3) return true;
    if (std::any_of(front.begin(), front.end(), is_digit)) return true;
    return odd_pairs(front) >= (separated ? 1 : 3);
}

/// `text` with such tails as `*`, at the end of the parts of paths, before an ending such as `.txt` too.
std::string without_tails(std::string_view text) {
    constexpr size_t kTail = 8;
    constexpr std::string_view kBetween = "/ :=,;'\"()";
    std::string result;
    while (!text.empty()) {
        size_t end = std::min(text.find_first_of(kBetween), text.size());
        std::string_view part = text.substr(0, end), ending;
        if (size_t dot = part.rfind('.'); dot != part.npos && part.size() - dot <= 6)
            ending = part.substr(dot);
        std::string_view stem = part.substr(0, part.size() - ending.size());
        // A word that is chance as a whole is seen as one later.
        size_t word = stem.size();
        while (word != 0 && is_of_word(stem[word - 1]))
            --word;
        bool separated = stem.size() > kTail && !is_of_word(stem[stem.size() - kTail - 1]);
        if (stem.size() > kTail && !looks_random(stem.substr(word)) &&
            is_python_tail(stem.substr(stem.size() - kTail), separated))
            result.append(stem.substr(0, stem.size() - kTail)).append("*").append(ending);
        else
            result += part;
        if (end < text.size()) result += text[end++];
        text.remove_prefix(end);
    }
    return result;
}

u64 hash_of(std::string_view text, u64 seed) {
    u64 hash = seed;
    for (unsigned char byte : text)
        hash = (hash ^ byte) * 0x100000001b3;
    hash ^= hash >> 29;
    return hash * 0xbf58476d1ce4e5b9;
}

}  // namespace

std::vector<TestFindings> findings_by_test(const Report& report, bool with_notes) {
    std::vector<TestFindings> tests;
    TestFindings outside;
    absl::flat_hash_map<std::string_view, size_t> places;
    for (u32 i = 0; i < report.items.size(); ++i) {
        const Item& item = report.items[i];
        if (item.degree == Degree::note && !with_notes) continue;
        if (item.known != Degree::none) continue;  // is only counted
        std::string_view test = policy::test_name(report.test_of(item));
        auto [place, is_new] = places.try_emplace(test, tests.size());
        if (is_new && !test.empty()) tests.push_back({test, {}, 0, 0});
        TestFindings& of_test = test.empty() ? outside : tests[place->second];
        of_test.items.push_back(i);
        if (item.degree == Degree::error) ++of_test.errors;
        if (item.degree == Degree::warning) ++of_test.warnings;
    }
    tests.push_back(std::move(outside));
    return tests;
}

Place place_of(const Report& report, const Item& item) {
    std::string_view test = policy::test_name(report.test_of(item));
    Place place;
    if (std::string_view site = report.site_of(item); !site.empty()) {
        place = place_from(site);
    } else if (size_t end = test.find("::"); end != test.npos && test.substr(0, end).ends_with(".py")) {
        place.file = test.substr(0, end);
    }
    place.file = relative_to(report.session.cwd, std::move(place.file));
    return place;
}

std::string sentence_of(const Report& report, const Item& item, bool redact) {
    Style style = machine_style(redact);
    const Process* process = report.process_of(item);
    std::string sentence(kind_title_of(item));
    if (item.kind == Kind::process && process != nullptr) sentence += fmt::format(" {}", process->pid);
    sentence += (item.kind == Kind::process ? ": " : " ") + what_of(report, item, style);
    for (const Detail& detail : details_of(report, item, false, style))
        sentence += "; " + detail.text;
    return item.degree == Degree::warning ? sentence : sentence + fmt::format("; {}", state_word(item));
}

std::string check_name_of(const Item& item) {
    std::string name = item.degree == Degree::warning ? "open-" : "leaked-";
    for (char c : kind_name_of(item))
        name += c == '_' ? '-' : c;
    return name;
}

std::string without_chance(std::string_view whole) {
    std::string stems = without_tails(whole), result;
    std::string_view text = stems;
    for (size_t at = 0; at < text.size();) {
        if (text.substr(at, 3) == "tmp" && (at == 0 || !is_of_word(text[at - 1]))) {
            size_t end = std::min(text.find_first_of("/ .", at), text.size());
            if (is_python_name(text.substr(at, end - at))) {
                result += "tmp*";
                at = end;
                continue;
            }
        }
        if ((at == 0 || !is_of_word(text[at - 1])) && begins_with_uuid(text.substr(at))) {
            result += '*';
            at += 36;
            continue;
        }
        if (!is_of_word(text[at])) {
            result += text[at++];
            continue;
        }
        size_t end = at;
        while (end < text.size() && is_of_word(text[end]))
            ++end;
        append_stable(result, text.substr(at, end - at));
        at = end;
    }
    return result;
}

// They put six letters and digits at the end, or before an ending such as `.txt`.
std::string without_template(std::string_view path) {
    size_t slash = path.rfind('/');
    size_t start = slash == path.npos ? 0 : slash + 1;
    size_t end = path.size();
    if (size_t dot = path.rfind('.'); dot != path.npos && dot >= start + 6 && end - dot < 6) end = dot;
    if (end < start + 6) return std::string(path);
    return std::string(path.substr(0, end - 6)) + "*" + std::string(path.substr(end));
}

bool is_from_template(const Item& item) {
    bool made_so = item.kind == Kind::temp_dir || item.kind == Kind::temp_file;
    return made_so && (item.flags & ledger::flag::kByName) != 0;
}

std::string lasting_name_of(const Report& report, const Item& item) {
    std::string name = name_of(report, item);
    if (!ledger::is_path(item.kind)) {
        name = without_chance(name);
        for (size_t at = 0; (at = name.find(kRedacted, at)) != name.npos;)
            name.replace(at, std::string_view(kRedacted).size(), "*");
        return name;
    }
    if (is_from_template(item)) name = without_template(name);
    if (item.inside == kNone) return without_chance(name);
    // Names get shorter with each tree, whatever a saved report says of what lies in what.
    const Item& tree = report.items[item.inside];
    if (tree.text.empty() || name.size() <= tree.text.size() || !name.starts_with(tree.text) ||
        name[tree.text.size()] != '/')
        return without_chance(name);
    return lasting_name_of(report, tree) + without_chance(name.substr(tree.text.size()));
}

std::string key_of(const Report& report, const Item& item) {
    std::string_view test = policy::test_name(report.test_of(item));
    return fmt::format("{}:{};test={}", kind_name_of(item),
                       terminal_safe(lasting_name_of(report, item), true), terminal_safe(test, true));
}

std::string digest_of(std::string_view text) {
    return fmt::format("{:016x}{:016x}", hash_of(text, 0xcbf29ce484222325),
                       hash_of(text, 0x9e3779b97f4a7c15));
}

std::string session_label(const Reports& reports, const Report& report) {
    if (reports.all.size() < 2) return {};
    return "session " + terminal_safe(report.session.id.substr(0, 8), true);
}

std::string known_words(const Reports& reports) {
    u64 known = 0;
    for (const Report& report : reports.all)
        known += report.summary.known;
    if (known == 0) return {};
    std::string file = reports.baseline.empty() ? "" : " " + terminal_safe(reports.baseline, true);
    return fmt::format("{} known (baseline{})", known, file);
}

std::string counted(u64 count, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", count, count == 1 ? one : many);
}

}  // namespace leakshim::tools
