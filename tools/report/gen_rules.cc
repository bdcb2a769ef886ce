// SPDX-License-Identifier: MIT
#include "gen_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "encoding.h"
#include "findings.h"
#include "lasting_names.h"
#include "rules.h"
#include "times.h"

namespace leakshim::tools {

namespace {

using ledger::Kind;
using ledger::Outcome;
using ledger::State;
using policy::Degree;

constexpr size_t kLongestGlob = 300;  // bytes; what is longer is cut, and ends with a *
constexpr size_t kLongestComment = 160;
constexpr size_t kMostRules = rules::kMaxRules - 16;  // the built-in ones count too

/// `text`, in which `*` stands for chance already, as a glob that a line of rules can hold: what would end
/// the glob or could not be shown is matched as any byte.
std::string as_glob(std::string_view text) {
    std::string glob;
    bool was_blank = true;
    for (size_t at = 0; at < text.size() && glob.size() <= kLongestGlob;) {
        size_t size = decode(text.substr(at)).size;
        std::string_view character = text.substr(at, size);
        bool blank = character == " ";
        bool ends_it = character == ";" || (character == "#" && was_blank);
        bool plain = !ends_it && !(blank && (was_blank || at + size == text.size())) &&
                     terminal_safe(character, true) == character;
        glob += plain ? std::string(character) : std::string(size, '?');
        was_blank = blank;
        at += size;
    }
    if (glob.size() > kLongestGlob) glob += '*';
    return glob;
}

/// Those for one test come before those for any, since the first that matches decides.
struct RuleLine {
    bool for_any_test = false;
    std::string kind, glob, test, command;

    auto operator<=>(const RuleLine&) const = default;
    std::string text() const {
        std::string line = fmt::format("ignore {}:{}", kind, glob);
        if (!test.empty()) line += ";test=" + test;
        if (!command.empty()) line += ";cmd=" + command;
        return line;
    }
};

struct Covered {
    u64 errors = 0, warnings = 0, others = 0;
    std::string first;  ///< a sentence about one of them
};

using RuleLines = std::map<RuleLine, Covered>;

std::string command_glob(const Report& report, const LastingNames& names, const Item& item) {
    const Process* process = report.process_of(item);
    if (process == nullptr) return {};
    Item maker;
    maker.kind = Kind::process;
    maker.process = item.process;
    return as_glob(names.of(maker));
}

std::string name_glob(const Report& report, const LastingNames& names, const Item& item) {
    if (item.kind == Kind::process) return command_glob(report, names, item);
    std::string glob;
    if (item.kind == Kind::socket) {
        SocketFacts socket = socket_of(item);
        if (socket.port && *socket.port != 0)
            glob = socket.type == "stream" ? "tcp:*" : socket.type == "dgram" ? "udp:*" : "port:*";
        else
            glob = as_glob(names.in(socket.path));
    } else {
        glob = as_glob(names.of(item));
    }
    return glob.empty() ? "*" : glob;
}

/// A finding whose process is none, or nothing that a rule of its own could be for.
bool goes_with_holder(const Report& report, const Item& item) {
    if (!ledger::is_fd(item.kind) && item.kind != Kind::thread) return false;
    const Process* process = report.process_of(item);
    return process != nullptr && process->item != kNone;
}

/// Where the process that it went with is spared, it stays: it needs a rule as well.
bool went_with_holder(const Report& report, const Item& item) {
    const Process* process = report.process_of(item);
    bool reported = process != nullptr && process->item != kNone && process->item < report.items.size() &&
                    report.items[process->item].degree == Degree::error;
    bool by_itself = item.outcome == Outcome::gone_by_itself || item.outcome == Outcome::gone_with_holder;
    return reported && item.state == State::gone && by_itself && ledger::is_persistent(item.kind);
}

void add_rules(const Reports& reports, const Report& report, RuleLines& lines) {
    LastingNames names(report, Use::glob);
    for (const Item& item : report.items) {
        bool finding = item.degree == Degree::error || item.degree == Degree::warning;
        if (!(finding && !goes_with_holder(report, item)) && !went_with_holder(report, item)) continue;
        RuleLine line;
        line.kind = kind_name_of(item);
        line.glob = name_glob(report, names, item);
        line.test = as_glob(policy::test_name(report.test_of(item)));
        line.for_any_test = line.test.empty();
        if (line.glob.empty()) continue;  // a process whose command line nobody knows
        if (line.glob == "*" && line.test.empty()) line.command = command_glob(report, names, item);
        Covered& covered = lines[line];
        if (item.degree == Degree::error) ++covered.errors;
        if (item.degree == Degree::warning) ++covered.warnings;
        if (item.degree == Degree::note) ++covered.others;
        if (!covered.first.empty()) continue;
        covered.first = cut_to(sentence_of(report, item, true), kLongestComment, true);
        std::string label = session_label(reports, report);
        if (!label.empty()) covered.first += " (" + label + ")";
    }
}

/// More rules than a file may hold: what was the same in many tests becomes one.
RuleLines without_tests(const RuleLines& lines) {
    RuleLines fewer;
    for (const auto& [line, covered] : lines) {
        RuleLine wider = line;
        wider.test.clear();
        wider.for_any_test = true;
        Covered& sum = fewer[wider];
        sum.errors += covered.errors, sum.warnings += covered.warnings, sum.others += covered.others;
        if (sum.first.empty()) sum.first = covered.first;
    }
    return fewer;
}

std::string count_words(const Covered& covered) {
    std::string words;
    auto add = [&](u64 count, std::string_view one, std::string_view many) {
        if (count != 0) words += (words.empty() ? "" : ", ") + counted(count, one, many);
    };
    add(covered.errors, "leak", "leaks");
    add(covered.warnings, "warning", "warnings");
    add(covered.others, "that goes with its process", "that go with their process");
    return words;
}

void write_head(const Reports& reports, const Sink& sink) {
    const Session& session = reports.all.front().session;
    std::string of = reports.all.size() > 1 ? fmt::format("{} sessions", reports.all.size())
                                            : "session " + terminal_safe(session.id, true);
    sink(fmt::format("# Rules for what leakshim-report found in {}.\n", of));
    sink(
        "# What an ignore rule matches is neither reaped nor reported any more; with keep in its place it "
        "is\n"
        "# still reported. To go on reaping what is known, use leakshim-report --baseline instead.\n");
}

}  // namespace

void write_rules_for(const Reports& reports, const Style&, const Sink& sink) {
    RuleLines lines;
    for (const Report& report : reports.all)
        add_rules(reports, report, lines);
    write_head(reports, sink);
    if (lines.empty()) sink("# Nothing was found that a rule could be for.\n");
    if (lines.size() > kMostRules) {
        lines = without_tests(lines);
        sink("# There would be more than a file of rules may hold, so none says in which test.\n");
    }
    if (lines.size() > kMostRules)
        sink(fmt::format("# Only the first {} of a file are read: merge some with wider globs.\n",
                         rules::kMaxRules));
    for (const auto& [line, covered] : lines) {
        std::string_view anywhere = line.test.empty() ? ", in whatever test" : "";
        sink(fmt::format("\n# {}{}: {}\n{}\n", count_words(covered), anywhere, covered.first, line.text()));
    }
}

}  // namespace leakshim::tools
