// SPDX-License-Identifier: MIT
#include "text_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "encoding.h"
#include "lasting_names.h"
#include "text.h"

namespace leakshim::tools {

namespace {

using ledger::Kind;
using ledger::Outcome;
using policy::Degree;

bool is_left_by_mode(const Item& item) {
    return item.outcome == Outcome::kept_at_desk || item.outcome == Outcome::kept_on_failure ||
           item.outcome == Outcome::kept_by_mode;
}

/// A glob that matches `text`, in which `*` stands for chance already.
std::string glob_of(std::string_view text) {
    std::string glob;
    for (size_t at = 0; at < text.size();) {
        CodePoint point = decode(text.substr(at));
        std::string_view bytes = text.substr(at, point.size);
        bool blank_before = glob.empty() || glob.back() == ' ';
        bool blank_at_end = bytes == " " && (glob.empty() || at + 1 == text.size());
        bool plain = bytes != ";" && !(bytes == "#" && blank_before) && !blank_at_end &&
                     terminal_safe(bytes, true) == bytes;
        if (plain)
            glob += bytes;
        else
            glob.append(bytes.size(), '?');
        at += point.size;
    }
    for (size_t at = glob.find(kRedacted); at != glob.npos; at = glob.find(kRedacted))
        glob.erase(at, kRedacted.size()), glob.insert(at, 1, '*');
    return glob;
}

/// A command line as rules see it: its arguments with a blank between them, the program without the directory
/// that it happens to be installed in. A long one is cut, between words where one ends nearby: never so early
/// that no more is left than an interpreter and the first word of its program.
std::string command_glob(const Process& process, const LastingNames& names) {
    std::string line;
    for (const std::string& argument : command_of(process, true)) {
        if (!line.empty()) line += ' ';
        line += argument;
    }
    line = names.in(line);
    constexpr size_t kLongest = 100, kWord = 20;
    size_t slash = line.rfind('/', line.find(' '));
    bool placed = slash != line.npos;
    if (placed) line.erase(0, slash);
    bool cut = line.size() > kLongest;
    if (cut) {
        size_t blank = line.rfind(' ', kLongest), end = kLongest;
        while (end > 0 && (static_cast<u8>(line[end]) & 0xc0) == 0x80)
            --end;  // not in the middle of a character
        line.resize(blank != line.npos && blank + kWord >= kLongest ? blank : end);
    }
    return fmt::format("{}{}{}", placed ? "*" : "", glob_of(line), cut ? "*" : "");
}

std::string glob_for(const Report& report, const LastingNames& names, const Item& item) {
    const Process* process = report.process_of(item);
    if (item.kind == Kind::process) return process == nullptr ? std::string() : command_glob(*process, names);
    if (item.kind == Kind::socket) {
        SocketFacts socket = socket_of(item);
        std::string_view protocol = socket.type == "dgram" ? "udp" : "tcp";
        return socket.port ? fmt::format("{}:*", protocol) : std::string("*");
    }
    return glob_of(names.of(item));
}

}  // namespace

/// Errors, warnings, and what only the mode kept, removed since or not: what somebody may want to change
/// something about.
bool is_finding(const Item& item) {
    return item.degree != Degree::note || is_left_by_mode(item) || item.outcome == Outcome::removed_later;
}

/// It has no life of its own: a port or descriptor of another process that is reported itself.
bool goes_with_its_process(const Report& report, const Item& item) {
    const Process* process = report.process_of(item);
    return ledger::is_fd(item.kind) && process != nullptr && process->item != kNone;
}

void RuleBook::Tests::add(const std::string& test) {
    if (test == common) return;
    size_t same = 0;
    while (same < test.size() && same < common.size() && test[same] == common[same])
        ++same;
    // Not in the middle of a character.
    while (same > 0 && same < common.size() && (static_cast<u8>(common[same]) & 0xc0) == 0x80)
        --same;
    common.resize(same);
    several = true;
}

RuleBook::RuleBook(const Report& report, std::vector<u32> items) {
    LastingNames names(report, Use::glob);
    for (Degree degree : {Degree::error, Degree::note, Degree::warning}) {
        for (u32 item : items) {
            if (report.items[item].degree == degree) add(report, names, item);
        }
    }
    drop_covered();
}

void RuleBook::add(const Report& report, const LastingNames& names, u32 index) {
    const Item& item = report.items[index];
    if (!is_finding(item) || goes_with_its_process(report, item)) return;
    std::string glob = glob_for(report, names, item);
    if (glob.empty()) return;
    std::string_view verb = item.degree == Degree::warning ? "ignore " : "";
    std::string name = fmt::format("{}{}:{}", verb, kind_name_of(item), glob);
    std::string test = glob_of(policy::test_name(report.test_of(item)));
    auto [entry, is_new] = tests_.try_emplace(name, Tests{test});
    if (is_new) names_.push_back(name);
    entry->second.add(test);
    of_item_[index] = std::move(name);
}

/// Takes away each rule whose things another one keeps as well: a random name that looks like a word.
void RuleBook::drop_covered() {
    constexpr size_t kLookedAt = 64;  // wide ones come early, since most random names are seen to be such
    std::vector<std::string> wide;
    for (const std::string& name : names_) {
        if (wide.size() < kLookedAt && name.find('*') != name.npos) wide.push_back(name);
    }
    auto covered = [&](const std::string& name) {
        for (const std::string& other : wide) {
            if (other == name || !tests_.contains(other) || !glob_match(other, name)) continue;
            tests_[other].add(tests_[name].common);
            tests_.erase(name);
            covered_[name] = other;
            return true;
        }
        return false;
    };
    names_.erase(std::remove_if(names_.begin(), names_.end(), covered), names_.end());
}

std::string RuleBook::line_of(const std::string& name) const {
    const Tests& tests = tests_.at(name);
    if (tests.common.empty()) return name;
    return fmt::format("{};test={}{}", name, tests.common, tests.several ? "*" : "");
}

std::vector<std::string> RuleBook::lines() const {
    std::vector<std::string> lines;
    for (const std::string& name : names_)
        lines.push_back(line_of(name));
    return lines;
}

std::string RuleBook::line_for(u32 item) const {
    auto name = of_item_.find(item);
    if (name == of_item_.end()) return {};
    // One that covers another may be covered itself, by a third that is left.
    const std::string* kept = &name->second;
    for (auto wider = covered_.find(*kept); wider != covered_.end(); wider = covered_.find(*kept))
        kept = &wider->second;
    return line_of(*kept);
}

}  // namespace leakshim::tools
