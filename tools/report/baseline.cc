// SPDX-License-Identifier: MIT
#include "baseline.h"

#include <errno.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "encoding.h"
#include "findings.h"
#include "lasting_names.h"
#include "output.h"
#include "summary.h"

namespace leakshim::tools {

namespace {

using policy::Degree;

constexpr std::string_view kFirstLine = "# leakshim baseline 1";
constexpr std::string_view kHead =
    "# leakshim baseline 1\n"
    "# What is known to leak: how many, error or warning, and the key, in which * stands for chance.\n"
    "# leakshim-report --baseline FILE fails on what is new only; --update-baseline takes out of the file\n"
    "# what leaks no more, and --update-baseline=grow writes down what leaks now.\n";

/// The degree that an item has without a baseline.
Degree own_degree(const Item& item) {
    return item.known != Degree::none ? item.known : item.degree;
}

bool counts(const Item& item) {
    Degree degree = own_degree(item);
    return degree == Degree::error || degree == Degree::warning;
}

BaselineKey key_in_baseline(const LastingNames& names, const Item& item) {
    return {names.key_of(item), std::string(policy::degree_name(own_degree(item)))};
}

absl::Status bad_line(size_t number, std::string_view line) {
    constexpr size_t kShown = 80;
    return absl::InvalidArgumentError(
        fmt::format("line {} \"{}\" is no line of a baseline: expected a count, error or warning, and a key, "
                    "as in \"2 error temp_dir:/tmp/x;test=\"",
                    number, terminal_safe(line.substr(0, kShown), true)));
}

absl::Status refused(const std::string& file, std::string_view why) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", terminal_safe(file, true), why));
}

absl::Status write_file(const std::string& file, const Baseline& baseline) {
    Output output;
    absl::Status status = output.open(file);
    if (!status.ok()) return status;
    output.write(baseline_text(baseline));
    return output.finish();
}

/// Marks what is known, in the order in which things were made, and takes its mark from what is not.
void mark(const Baseline& baseline, Reports& reports) {
    Baseline left = baseline;
    for (Report& report : reports.all) {
        LastingNames names(report);
        for (Item& item : report.items) {
            if (!counts(item)) continue;
            auto known = left.find(key_in_baseline(names, item));
            Degree degree = own_degree(item);
            bool is_known = known != left.end() && known->second != 0;
            if (is_known) --known->second;
            item.degree = is_known ? Degree::note : degree;
            item.known = is_known ? degree : Degree::none;
        }
        report.summary = summary_of(report);
    }
}

/// Why the file must not be written from these.
std::string_view objection_to_update(const Reports& reports) {
    for (const Report& report : reports.all) {
        if (report.session.state == SessionState::live)
            return "a session that still runs is no measure of what leaks, so it was left as it is";
        if (report.broken_chunks != 0) return "the report is not whole, so it was left as it is";
    }
    return {};
}

}  // namespace

absl::StatusOr<Baseline> parse_baseline(const std::string& text) {
    Baseline baseline;
    std::vector<std::string> lines = split_bytes(text, '\n');
    if (lines.empty() || lines[0] != kFirstLine)
        return absl::InvalidArgumentError(
            fmt::format("it is no baseline: the first line of one is \"{}\"", kFirstLine));
    for (size_t i = 1; i < lines.size(); ++i) {
        std::string_view line = lines[i];
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || line.front() == '#') continue;
        u64 count = 0;
        auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), count);
        std::string_view rest = line.substr(static_cast<size_t>(end - line.data()));
        size_t blank = rest.find(' ', 1);
        if (error != std::errc{} || count == 0 || !rest.starts_with(' ') || blank == rest.npos)
            return bad_line(i + 1, line);
        std::string_view degree = rest.substr(1, blank - 1), key = rest.substr(blank + 1);
        bool known = degree == "error" || degree == "warning";
        if (!known || key.find(":") == key.npos || key.find(";test=") == key.npos)
            return bad_line(i + 1, line);
        baseline[{std::string(key), std::string(degree)}] += count;
    }
    return baseline;
}

std::string baseline_text(const Baseline& baseline) {
    std::string text(kHead);
    for (const auto& [key, count] : baseline)
        text += fmt::format("{} {} {}\n", count, key.degree, key.key);
    return text;
}

Baseline baseline_of(const Reports& reports) {
    Baseline baseline;
    for (const Report& report : reports.all) {
        LastingNames names(report);
        for (const Item& item : report.items) {
            if (counts(item)) ++baseline[key_in_baseline(names, item)];
        }
    }
    return baseline;
}

Baseline shrunk(const Baseline& known, const Baseline& found) {
    Baseline both;
    for (const auto& [key, count] : known) {
        auto now = found.find(key);
        if (now != found.end()) both[key] = std::min(count, now->second);
    }
    return both;
}

absl::Status use_baseline(const std::string& file, BaselineUpdate update, Reports& reports) {
    std::ifstream stream(file, std::ios::binary);
    int error = errno;
    if (std::error_code ignored; std::filesystem::is_directory(file, ignored))
        return refused(file, "the baseline can't be read: it is a directory");
    bool is_new = !stream && error == ENOENT && update != BaselineUpdate::none;
    Baseline baseline;
    if (!stream && !is_new) {
        std::string_view hint = error == ENOENT ? "; --update-baseline makes it" : "";
        return refused(file, fmt::format("the baseline can't be read: {}{}", std::strerror(error), hint));
    }
    if (stream) {
        std::string text{std::istreambuf_iterator<char>(stream), {}};
        if (stream.bad()) return refused(file, "the baseline can't be read");
        auto parsed = parse_baseline(text);
        if (!parsed.ok()) return refused(file, std::string(parsed.status().message()));
        baseline = *std::move(parsed);
    }
    if (update != BaselineUpdate::none) {
        if (std::string_view why = objection_to_update(reports); !why.empty()) return refused(file, why);
        Baseline found = baseline_of(reports);
        bool whole = is_new || update == BaselineUpdate::grow;
        baseline = whole ? found : shrunk(baseline, found);
        if (absl::Status written = write_file(file, baseline); !written.ok()) return written;
    }
    mark(baseline, reports);
    reports.baseline = file;
    return absl::OkStatus();
}

}  // namespace leakshim::tools
