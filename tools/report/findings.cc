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
