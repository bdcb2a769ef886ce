// SPDX-License-Identifier: MIT
//
// TAP version 13, which parsers of version 14 read as well: a test point for each test that left something
// behind and one for what was made outside of any, with the findings as YAML.
#include <fmt/format.h>

#include "encoding.h"
#include "findings.h"
#include "formats.h"
#include "text_blind.h"

namespace leakshim::tools {

namespace {

/// A `#` would begin a directive, such as `# SKIP`, and a backslash is what escapes it.
std::string description_escaped(std::string_view text) {
    std::string escaped;
    for (char c : terminal_safe(text, true)) {
        if (c == '#' || c == '\\') escaped += '\\';
        escaped += c;
    }
    return escaped;
}

/// In double quotes; control characters were made visible before.
std::string yaml_quoted(std::string_view text) {
    std::string quoted = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + "\"";
}

void write_point(const Reports& reports, const Report& report, const TestFindings& test, size_t number,
                 const Style& style, const Sink& sink) {
    std::string name =
        test.test.empty() ? std::string("outside of any test") : description_escaped(test.test);
    std::string label = session_label(reports, report);
    if (!label.empty()) name += " (" + label + ")";
    sink(fmt::format("{}ok {} - {}\n", test.errors != 0 ? "not " : "", number, name));
    if (test.items.empty()) return;
    sink("  ---\n");
    for (policy::Degree degree : {policy::Degree::error, policy::Degree::warning, policy::Degree::note}) {
        bool first = true;
        for (u32 index : test.items) {
            const Item& item = report.items[index];
            if (item.degree != degree) continue;
            if (first) sink(fmt::format("  {}s:\n", policy::degree_name(degree)));
            first = false;
            sink(fmt::format("    - {}\n", yaml_quoted(sentence_of(report, item, style.redact))));
        }
    }
    sink("  ...\n");
}

}  // namespace

void write_tap_reports(const Reports& reports, const Style& style, const Sink& sink) {
    std::vector<std::vector<TestFindings>> tests;
    size_t points = 0;
    for (const Report& report : reports.all) {
        tests.push_back(findings_by_test(report, true));
        points += tests.back().size();
    }
    sink(fmt::format("TAP version 13\n1..{}\n", points));
    size_t number = 0;
    for (size_t i = 0; i < reports.all.size(); ++i) {
        for (const TestFindings& test : tests[i])
            write_point(reports, reports.all[i], test, ++number, style, sink);
        sink(fmt::format("# blind: {}\n", blind_words(reports.all[i])));
    }
    if (std::string known = known_words(reports); !known.empty()) sink("# and " + known + "\n");
}

}  // namespace leakshim::tools
