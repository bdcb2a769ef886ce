// SPDX-License-Identifier: MIT
#include "text_advice.h"

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <algorithm>

#include "encoding.h"
#include "findings.h"
#include "text.h"
#include "text_commands.h"

namespace leakshim::tools {

namespace {

using ledger::Kind;
using ledger::Outcome;
using ledger::State;
using policy::Degree;

bool is_left_by_mode(const Item& item) {
    return item.outcome == Outcome::kept_at_desk || item.outcome == Outcome::kept_on_failure ||
           item.outcome == Outcome::kept_by_mode;
}

/// Errors, warnings, and what only the mode kept: what somebody may want to change something about.
bool is_finding(const Item& item) {
    return item.degree != Degree::note || is_left_by_mode(item);
}

/// It has no life of its own: a port or descriptor of another process that is reported itself.
bool goes_with_its_process(const Report& report, const Item& item) {
    const Process* process = report.process_of(item);
    return ledger::is_fd(item.kind) && process != nullptr && process->item != kNone;
}

std::string_view remedy_for_thread(const Item& item) {
    if ((item.flags & ledger::flag::kFinished) != 0) return "join it, or start it detached";
    return "tell it to end where the test ends, and join it";
}

std::string_view remedy_for_path(const Item& item) {
    if (item.text.find("/pytest-of-") != item.text.npos)
        return "pytest keeps these: tmp_path_retention_policy = failed in its settings (7.3 and newer)";
    if (item.kind == Kind::unix_socket) return "unlink it where its server ends, also when the test fails";
    return "remove it where the test ends, also when it fails";
}

/// A glob that matches `text`, and the same in the next run.
std::string glob_of(std::string_view text, bool with_chance) {
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
    if (with_chance) glob = without_chance(glob);
    for (size_t at = glob.find(kRedacted); at != glob.npos; at = glob.find(kRedacted))
        glob.erase(at, kRedacted.size()), glob.insert(at, 1, '*');
    return glob;
}

/// A command line as rules see it: its arguments with a blank between them, the program without the directory
/// that it happens to be installed in.
std::string command_glob(const Process& process) {
    std::string line;
    for (const std::string& argument : command_of(process, true)) {
        if (!line.empty()) line += ' ';
        line += argument;
    }
    constexpr size_t kLongest = 60;
    size_t slash = line.rfind('/', line.find(' '));
    bool placed = slash != line.npos;
    if (placed) line.erase(0, slash);
    bool cut = line.size() > kLongest;
    if (cut) line.resize(std::min(line.rfind(' ', kLongest), kLongest));
    return fmt::format("{}{}{}", placed ? "*" : "", glob_of(line, true), cut ? "*" : "");
}

std::string glob_for(const Report& report, const Item& item) {
    const Process* process = report.process_of(item);
    if (item.kind == Kind::process) return process == nullptr ? std::string() : command_glob(*process);
    if (item.kind == Kind::thread) return glob_of(thread_name_of(item), true);
    if (item.kind == Kind::socket) {
        SocketFacts socket = socket_of(item);
        std::string_view protocol = socket.type == "dgram" ? "udp" : "tcp";
        return socket.port ? fmt::format("{}:*", protocol) : std::string("*");
    }
    return glob_of(is_from_template(item) ? without_template(item.text) : std::string(item.text), true);
}

/// The tests of one glob, as a glob.
struct Tests {
    std::string common;
    bool several = false;

    void add(const std::string& test) {
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
};

/// Takes away each rule whose things another one keeps as well: a random name that looks like a word.
void drop_covered(std::vector<std::string>& names, absl::flat_hash_map<std::string, Tests>& tests) {
    constexpr size_t kLookedAt = 64;  // wide ones come early, since most random names are seen to be such
    std::vector<std::string> wide;
    for (const std::string& name : names) {
        if (wide.size() < kLookedAt && name.find('*') != name.npos) wide.push_back(name);
    }
    auto covered = [&](const std::string& name) {
        for (const std::string& other : wide) {
            if (other == name || !tests.contains(other) || !glob_match(other, name)) continue;
            tests[other].add(tests[name].common);
            tests.erase(name);
            return true;
        }
        return false;
    };
    names.erase(std::remove_if(names.begin(), names.end(), covered), names.end());
}

}  // namespace

std::string_view remedy_for(const Report& report, const Item& item) {
    bool lives = report.session.state == SessionState::live;
    if (lives || !is_finding(item) || goes_with_its_process(report, item)) return {};
    if (ledger::is_path(item.kind)) return remedy_for_path(item);
    switch (item.kind) {
        case Kind::process:
            if (item.outcome == Outcome::exited_alone) return "wait for it where the test ends";
            return "end it where the test ends, also when that fails, and wait for it";
        case Kind::thread:
            return remedy_for_thread(item);
        case Kind::pipe:
            if ((item.flags & ledger::flag::kWriteEnd) != 0)
                return "close it: its reader waits for the end of the stream until then";
            break;
        case Kind::posix_shm:
            return "shm_unlink it as soon as all who need it have opened it";
        case Kind::named_semaphore:
            return "sem_unlink it as soon as all who need it have opened it";
        case Kind::message_queue:
            return "mq_unlink it where the test ends";
        case Kind::sysv_shm:
            return "mark it with IPC_RMID as soon as it is attached: it goes with its last user then";
        case Kind::sysv_sem:
        case Kind::sysv_msg:
            return "remove it with IPC_RMID where the test ends";
        default:
            break;
    }
    return "close it where the test ends, also when it fails";
}

std::vector<std::string> rules_for(const Report& report) {
    std::vector<std::string> names;
    absl::flat_hash_map<std::string, Tests> tests;
    for (Degree degree : {Degree::error, Degree::note, Degree::warning}) {
        for (const Item& item : report.items) {
            if (item.degree != degree || !is_finding(item) || goes_with_its_process(report, item)) continue;
            std::string glob = glob_for(report, item);
            if (glob.empty()) continue;
            std::string_view verb = degree == Degree::warning ? "ignore " : "";
            std::string name = fmt::format("{}{}:{}", verb, kind_name_of(item), glob);
            std::string test = glob_of(policy::test_name(report.test_of(item)), false);
            auto [entry, is_new] = tests.try_emplace(name, Tests{test});
            if (is_new) names.push_back(std::move(name));
            entry->second.add(test);
        }
    }
    drop_covered(names, tests);
    for (std::string& name : names) {
        const Tests& of_name = tests[name];
        if (!of_name.common.empty())
            name += fmt::format(";test={}{}", of_name.common, of_name.several ? "*" : "");
    }
    return names;
}

void write_advice(const Report& report, const Style& style, const Sink& sink) {
    if (report.session.state == SessionState::live) return;
    write_commands(report, style, sink);
    std::vector<std::string> rules = rules_for(report);
    if (rules.empty()) return;
    size_t few = style.rows < 5 ? 0 : std::clamp<size_t>(style.rows / 4, 2, 8);
    size_t shown = style.all ? rules.size() : std::min(rules.size(), few);
    if (shown == 0) return sink("\nmeant to stay? --all prints rules that keep it\n");
    sink("\nmeant to stay? rules for the file of LEAKSHIM_RULES:\n");
    for (size_t i = 0; i < shown; ++i)
        sink(fmt::format("  {}\n", terminal_safe(rules[i], style.unicode)));
    if (shown != rules.size()) sink(fmt::format("  and {} more; --all names them\n", rules.size() - shown));
}

}  // namespace leakshim::tools
