// SPDX-License-Identifier: MIT
//
// For GitHub Actions: annotations (workflow commands on standard output) and the step summary (Markdown).
//
// Guarantees: no name of a test, path or command can start a workflow command of its own or become markup.
// GitHub shows ten annotations of a level for each step and drops the rest silently, so there are never more:
// the tenth says how many were left out.
#include <fmt/format.h>
#include <sys/random.h>

#include "encoding.h"
#include "findings.h"
#include "formats.h"
#include "text_blind.h"

namespace leakshim::tools {

namespace {

using ledger::State;
using policy::Degree;

constexpr size_t kAnnotationsOfLevel = 10;
constexpr size_t kSummaryRows = 200;  // a step summary may have 1 MiB, and nobody reads more

/// The message of a workflow command.
std::string message_escaped(std::string_view text) {
    std::string escaped;
    for (char c : text) {
        if (c == '%')
            escaped += "%25";
        else if (c == '\r')
            escaped += "%0D";
        else if (c == '\n')
            escaped += "%0A";
        else
            escaped += c;
    }
    return escaped;
}

/// The value of one of its properties, which ends at a comma, as all of them do at a colon.
std::string property_escaped(std::string_view text) {
    std::string escaped;
    for (char c : message_escaped(text)) {
        if (c == ':')
            escaped += "%3A";
        else if (c == ',')
            escaped += "%2C";
        else
            escaped += c;
    }
    return escaped;
}

/// Text in a span that ends only at as many backticks as it began with: nothing in it is markup.
std::string code_span(const std::string& text) {
    if (text.empty()) return "(nothing)";
    size_t longest = 0, run = 0;
    for (char c : text) {
        run = c == '`' ? run + 1 : 0;
        longest = std::max(longest, run);
    }
    std::string fence(longest + 1, '`');
    std::string_view pad = longest != 0 || text.front() == ' ' || text.back() == ' ' ? " " : "";
    return fmt::format("{}{}{}{}{}", fence, pad, text, pad, fence);
}

struct Annotated {
    const Report* report;
    const Item* item;
};

/// What is still there first: of the ten that are shown, these matter most.
std::vector<Annotated> annotated(const Reports& reports, Degree degree) {
    std::vector<Annotated> chosen;
    for (bool reaped : {false, true}) {
        for (const Report& report : reports.all) {
            for (const Item& item : report.items) {
                if (item.degree == degree && (item.state == State::reaped) == reaped)
                    chosen.push_back({&report, &item});
            }
        }
    }
    return chosen;
}

void write_annotation(const Reports& reports, const Annotated& one, std::string_view level, bool redact,
                      const Sink& sink) {
    const auto& [report, item] = one;
    Place place = place_of(*report, *item);
    std::string test = terminal_safe(policy::test_name(report->test_of(*item)), true);
    std::string label = session_label(reports, *report);
    std::string where = test.empty() ? std::string("outside of any test") : "in " + test;
    std::string title =
        fmt::format("leakshim: {} {}{}{}", kind_title_of(*item), where, label.empty() ? "" : ", ", label);
    std::string properties = "title=" + property_escaped(title);
    if (!place.file.empty()) properties += ",file=" + property_escaped(terminal_safe(place.file, true));
    if (place.line != 0) properties += fmt::format(",line={}", place.line);
    sink(fmt::format("::{} {}::{}\n", level, properties,
                     message_escaped(sentence_of(*report, *item, redact))));
}

void write_level(const Reports& reports, Degree degree, std::string_view level, bool redact,
                 const Sink& sink) {
    std::vector<Annotated> chosen = annotated(reports, degree);
    size_t shown = chosen.size() > kAnnotationsOfLevel ? kAnnotationsOfLevel - 1 : chosen.size();
    for (size_t i = 0; i < shown; ++i)
        write_annotation(reports, chosen[i], level, redact, sink);
    if (shown < chosen.size()) {
        sink(fmt::format("::{} title=leakshim::and {} more of this level; the whole report has them all\n",
                         level, chosen.size() - shown));
    }
}

/// Nobody can know it beforehand and put it into a name.
std::string random_token() {
    u64 words[2] = {};
    if (getrandom(words, sizeof words, 0) != static_cast<ssize_t>(sizeof words)) return {};
    return fmt::format("leakshim{:016x}{:016x}", words[0], words[1]);
}

void write_summary_of(const Reports& reports, const Report& report, size_t& rows, const Style& style,
                      const Sink& sink) {
    std::string command =
        join_command(style.redact ? redact_command(report.session.command) : report.session.command, true);
    std::string label = session_label(reports, report);
    sink(fmt::format("\n**{}**{}{}: {}\n", counted(report.summary.errors, "leak", "leaks"),
                     label.empty() ? "" : ", ", label, code_span(command)));
    u64 left_out = 0;
    for (const TestFindings& test : findings_by_test(report, false)) {
        if (test.items.empty()) continue;
        if (rows < kSummaryRows) {
            std::string name = terminal_safe(test.test, true);
            sink(fmt::format("\n- {}\n", name.empty() ? "outside of any test" : code_span(name)));
        }
        for (u32 index : test.items) {
            if (rows == kSummaryRows) {
                ++left_out;
                continue;
            }
            ++rows;
            const Item& item = report.items[index];
            sink(fmt::format("  - {}: {}\n", policy::degree_name(item.degree),
                             code_span(sentence_of(report, item, style.redact))));
        }
    }
    if (left_out != 0) sink(fmt::format("\nand {} more\n", left_out));
    if (std::string blind = blind_words(report); blind != "none")
        sink(fmt::format("\nNot seen: {}\n", code_span(blind)));
}

}  // namespace

void write_github_reports(const Reports& reports, const Style& style, const Sink& sink) {
    write_level(reports, Degree::error, "error", style.redact, sink);
    write_level(reports, Degree::warning, "warning", style.redact, sink);
}

void write_github_summary(const Reports& reports, const Style& style, const Sink& sink) {
    sink(fmt::format("### leakshim: {}\n", reports.errors() == 0
                                               ? std::string("nothing leaked")
                                               : counted(reports.errors(), "leak", "leaks")));
    size_t rows = 0;
    for (const Report& report : reports.all)
        write_summary_of(reports, report, rows, style, sink);
    if (std::string known = known_words(reports); !known.empty()) sink("\nand " + code_span(known) + "\n");
}

void write_github_log(const Reports& reports, const Style& style, const Sink& sink) {
    std::string token = random_token();
    if (!token.empty()) {
        sink(fmt::format("::stop-commands::{}\n", token));
        write_text_reports(reports, style, sink);
        sink(fmt::format("::{}::\n", token));
    }
    write_github_reports(reports, style, sink);
}

}  // namespace leakshim::tools
