// SPDX-License-Identifier: MIT
//
// JUnit XML, in the dialect that Jenkins, GitLab and pytest agree on: a suite for each session, a case for
// each test that left something behind.
//
// A case has the class name and the name under which the runner's own XML has it (pytest:
// `tests.test_a.TestX` and `test_b[c]`; GoogleTest: suite and test), so that a viewer that joins reports
// shows the leak with its test. Characters that XML 1.0 can't hold are written as pytest writes them, `#x1B`.
#include <fmt/format.h>

#include "encoding.h"
#include "findings.h"
#include "formats.h"
#include "text_blind.h"
#include "times.h"

namespace leakshim::tools {

namespace {

using policy::Degree;

bool is_in_xml(char32_t code) {
    if (code == '\t' || code == '\n' || code == '\r') return true;
    if (code < 0x20 || code == 0x7f) return false;
    return code < 0xd800 || (code > 0xdfff && code < 0xfffe) || code > 0xffff;
}

/// For an attribute in double quotes and for text alike.
std::string xml_escaped(std::string_view text) {
    std::string utf8 = to_utf8(text), escaped;
    for (std::string_view left = utf8; !left.empty();) {
        CodePoint point = decode(left);
        auto code = static_cast<u32>(point.code);
        if (!is_in_xml(point.code))
            escaped += code <= 0xff ? fmt::format("#x{:02X}", code) : fmt::format("#x{:04X}", code);
        else if (code < 0x20)
            escaped += fmt::format("&#{};", code);  // a parser would make a blank of it
        else if (code == '&')
            escaped += "&amp;";
        else if (code == '<')
            escaped += "&lt;";
        else if (code == '>')
            escaped += "&gt;";
        else if (code == '"')
            escaped += "&quot;";
        else
            escaped += left.substr(0, point.size);
        left.remove_prefix(point.size);
    }
    return escaped;
}

struct CaseName {
    std::string classname, name;
};

std::string with_dots(std::string text) {
    for (char& c : text) {
        if (c == '/') c = '.';
    }
    return text;
}

/// `tests/test_a.py::TestX::test_b[c::d]` as pytest's own XML has it: parameters are no part of the address.
CaseName pytest_name(std::string_view test) {
    std::string_view address = test.substr(0, test.find('['));
    size_t last = address.rfind("::");
    std::string file = with_dots(std::string(address.substr(0, address.find("::"))));
    std::string classname = file.substr(0, file.size() - 3);
    for (size_t at = address.find("::"); at != last;) {
        size_t next = address.find("::", at + 2);
        classname += "." + std::string(address.substr(at + 2, next - at - 2));
        at = next;
    }
    return {classname, std::string(test.substr(last + 2))};
}

/// `Suite.Test`, as the listener for GoogleTest calls its scopes.
bool is_googletest_name(std::string_view test) {
    size_t dot = test.find('.');
    if (dot == test.npos || dot == 0 || dot + 1 == test.size() || test.find('.', dot + 1) != test.npos)
        return false;
    for (char c : test) {
        bool of_name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!of_name && c != '_' && c != '/' && c != '.') return false;
    }
    return true;
}

CaseName case_name(std::string_view test) {
    if (test.empty()) return {"leakshim", "outside of any test"};
    size_t colons = test.substr(0, test.find('[')).find("::");
    if (colons != test.npos && test.substr(0, colons).ends_with(".py")) return pytest_name(test);
    if (is_googletest_name(test)) {
        size_t dot = test.find('.');
        return {std::string(test.substr(0, dot)), std::string(test.substr(dot + 1))};
    }
    return {"leakshim", std::string(test)};
}

void write_case(const Report& report, const TestFindings& test, bool redact, const Sink& sink) {
    auto [classname, name] = case_name(test.test);
    sink(fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"0\"", xml_escaped(classname),
                     xml_escaped(name)));
    if (test.items.empty()) {
        sink("/>\n");
        return;
    }
    sink(">\n");
    if (test.errors != 0) {
        sink(fmt::format("      <failure type=\"leakshim\" message=\"left {} behind\">",
                         counted(test.errors, "thing", "things")));
        for (u32 index : test.items) {
            if (report.items[index].degree == Degree::error)
                sink(xml_escaped(sentence_of(report, report.items[index], redact)) + "\n");
        }
        sink("</failure>\n");
    }
    if (test.items.size() > test.errors) {
        sink("      <system-out>");
        for (u32 index : test.items) {
            const Item& item = report.items[index];
            if (item.degree == Degree::error) continue;
            sink(fmt::format("{}: {}\n", policy::degree_name(item.degree),
                             xml_escaped(sentence_of(report, item, redact))));
        }
        sink("</system-out>\n");
    }
    sink("    </testcase>\n");
}

void write_property(std::string_view name, std::string_view value, const Sink& sink) {
    sink(fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", name, xml_escaped(value)));
}

void write_suite(const Report& report, bool redact, const Sink& sink) {
    const Session& session = report.session;
    std::vector<TestFindings> tests = findings_by_test(report, true);
    size_t failures = 0;
    for (const TestFindings& test : tests)
        failures += test.errors != 0 ? 1 : 0;
    double seconds =
        session.ended > session.started ? static_cast<double>(session.ended - session.started) / 1e9 : 0;
    // Seconds and no zone, as the schema of Jenkins wants it; the time is UTC.
    std::string when = session.started != 0 ? iso_time(session.started).substr(0, 19) : "";
    sink(
        fmt::format("  <testsuite name=\"leakshim\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\" "
                    "time=\"{:.3f}\"",
                    tests.size(), failures, seconds));
    if (!when.empty()) sink(fmt::format(" timestamp=\"{}\"", when));
    sink(">\n    <properties>\n");
    write_property("leakshim.session", session.id, sink);
    write_property("leakshim.state", session_state_name(session.state), sink);
    write_property("leakshim.command",
                   join_command(redact ? redact_command(session.command) : session.command, true), sink);
    write_property("leakshim.blind", blind_words(report), sink);
    sink("    </properties>\n");
    for (const TestFindings& test : tests)
        write_case(report, test, redact, sink);
    sink("  </testsuite>\n");
}

}  // namespace

void write_junit_reports(const Reports& reports, const Style& style, const Sink& sink) {
    sink("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"leakshim\">\n");
    for (const Report& report : reports.all)
        write_suite(report, style.redact, sink);
    sink("</testsuites>\n");
}

}  // namespace leakshim::tools
