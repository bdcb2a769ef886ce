// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "checks.h"
#include "encoding.h"
#include "redact.h"
#include "text_words.h"

namespace leakshim::tools {

namespace {

using ledger::State;

constexpr u64 kLeastBytes = 64 << 20, kLeastInodes = 1000;
constexpr u64 kLeastShare = 50;  // one part in so many must be free

/// Still there: what a dead session left, and what could not be reaped of one that ended.
bool is_left(const Item& item) {
    return item.state == State::leaked || item.state == State::failed;
}

std::string command_words(const Report& report) {
    return cut_to(join_command(redact_command(report.session.command), true), 60, true);
}

/// What a session has left, by kind: `2 processes, 1 temporary directory`.
std::string left_words(const Report& report) {
    std::map<std::string_view, size_t> counts;
    for (const Item& item : report.items) {
        if (is_left(item)) ++counts[kind_title_of(item)];
    }
    std::string words;
    for (const auto& [title, count] : counts)
        words += fmt::format("{}{} × {}", words.empty() ? "" : ", ", count, title);
    return words;
}

void check_session(const Report& report, std::vector<Check>& to) {
    bool over = report.session.state != SessionState::live;
    std::string left = over ? left_words(report) : std::string();
    if (left.empty()) return;
    bool dead = report.session.state == SessionState::dead;
    to.push_back({CheckLevel::bad,
                  fmt::format("session {}", report.session.id),
                  fmt::format("{} ({}) {} and left {}", command_words(report), dead ? "dead" : "ended",
                              dead ? "was killed with its guard" : "is over", left),
                  {},
                  cleaning_command(report)});
}

/// Whether the next run may want the same: a port that is listened or received at, a name that is no number.
bool is_address(const SocketFacts& socket) {
    bool receives = socket.port && (socket.listening || socket.type == "dgram");
    return receives || (socket.listening && !socket.path.empty());
}

/// What a next run will stumble over is named by itself: ports and socket names that a leftover process holds
/// at this moment, whoever made them, and socket files that nobody holds any more.
void check_addresses(const Report& report, std::vector<Check>& to) {
    if (report.session.state == SessionState::live) return;
    std::set<std::string> named;
    auto name = [&](const std::string& what, const Item& item, const std::string& state) {
        std::string test(policy::test_name(report.test_of(item)));
        std::string sentence = fmt::format("{}{}{}, which a session that is over has left", state,
                                           test.empty() ? "" : " of test ", test);
        if (named.insert(what).second)
            to.push_back({CheckLevel::bad, what, sentence, {}, cleaning_command(report)});
    };
    for (const auto& [index, holds] : report.holds) {
        const Process& process = report.processes[index];
        if (process.item == kNone || !is_left(report.items[process.item]) || !is_alive(process.identity))
            continue;
        for (const SocketFacts& socket : holds.sockets) {
            if (!is_address(socket)) continue;
            std::string what = socket.path.empty() ? socket_words(socket, true) : socket.path;
            name(what, report.items[process.item], fmt::format("is held by process {}", process.pid));
        }
    }
    for (const Item& item : report.items) {
        if (item.kind == ledger::Kind::unix_socket && is_left(item))
            name(std::string(item.text), item, "is still there");
    }
}

std::vector<std::string> temp_roots() {
    std::vector<std::string> roots;
    const char* wanted = std::getenv("TMPDIR");
    for (const char* root : {wanted, "/tmp", "/var/tmp", "/dev/shm"}) {
        bool known =
            root == nullptr || *root == '\0' || std::find(roots.begin(), roots.end(), root) != roots.end();
        if (!known) roots.emplace_back(root);
    }
    return roots;
}

}  // namespace

std::string cleaning_command(const Report& report) {
    bool only_reported = (report.session.flags & ledger::session_flag::kReap) == 0;
    return fmt::format("leakshim-reap --session {}{}", report.session.id, only_reported ? " --force" : "");
}

Check check_room(const std::string& path) {
    struct stat st {};
    struct statvfs room {};
    if (stat(path.c_str(), &st) != 0 || statvfs(path.c_str(), &room) != 0)
        return {CheckLevel::bad, path, strerror(errno), "make it, or let TMPDIR name another directory", {}};
    if (!S_ISDIR(st.st_mode))
        return {CheckLevel::bad, path, "is no directory", "let TMPDIR name a directory", {}};
    u64 bytes = static_cast<u64>(room.f_bavail) * room.f_frsize;
    u64 all_bytes = static_cast<u64>(room.f_blocks) * room.f_frsize;
    u64 inodes = room.f_favail, all_inodes = room.f_files;
    u64 mebibytes = bytes >> 20;
    // Some file systems make inodes as they need them, and count none.
    bool counts_inodes = all_inodes != 0;
    if (counts_inodes && (inodes < kLeastInodes || inodes < all_inodes / kLeastShare)) {
        return {CheckLevel::bad, path,
                fmt::format(
                    "its inodes are nearly gone: {} of {} are free; the error will say \"No space left on "
                    "device\", although {} MiB are free",
                    inodes, all_inodes, mebibytes),
                "remove old trees of many small files; these are the largest:",
                fmt::format("du --inodes -x -d2 {} | sort -n | tail", shell_quoted(path, true))};
    }
    if (bytes < kLeastBytes || bytes < all_bytes / kLeastShare) {
        return {CheckLevel::bad, path,
                fmt::format("its space is nearly gone: {} MiB of {} are free", mebibytes, all_bytes >> 20),
                "remove old trees; these are the largest:",
                fmt::format("du -x -d2 -m {} | sort -n | tail", shell_quoted(path, true))};
    }
    std::string count = counts_inodes ? fmt::format(" and {} inodes", inodes) : std::string();
    return {CheckLevel::ok, path, fmt::format("{} MiB{} are free", mebibytes, count), {}, {}};
}

std::vector<Check> preflight(const Knowledge& knowledge) {
    std::vector<Check> checks;
    for (const auto& report : knowledge.reports())
        check_session(*report, checks);
    for (const auto& report : knowledge.reports())
        check_addresses(*report, checks);
    for (Check& check : kernel_leftovers(knowledge))
        checks.push_back(std::move(check));
    if (checks.empty())
        checks.push_back({CheckLevel::ok, "sessions", "none has left anything behind", {}, {}});
    for (const std::string& problem : knowledge.problems())
        checks.push_back({CheckLevel::warn, "ledgers", problem, {}, "leakshim-report --list"});
    for (const std::string& root : temp_roots())
        checks.push_back(check_room(root));
    return checks;
}

}  // namespace leakshim::tools
