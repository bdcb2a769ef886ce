// SPDX-License-Identifier: MIT
//
// What no hook records and no reaper touches, but outlives a run all the same. Only reported: to unmount or
// detach takes rights and knowledge that we do not have.
#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <set>

#include "checks.h"
#include "encoding.h"
#include "task.h"

namespace leakshim::tools {

namespace {

constexpr size_t kMostMounts = 16 << 20;

/// Undoes the `\040` of /proc/self/mountinfo.
std::string unescaped(std::string_view text) {
    std::string plain;
    for (size_t i = 0; i < text.size(); ++i) {
        auto digit = [&](size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '7'; };
        if (text[i] != '\\' || !digit(i + 1) || !digit(i + 2) || !digit(i + 3)) {
            plain += text[i];
            continue;
        }
        plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
        i += 3;
    }
    return plain;
}

/// The session that is over and recorded a path at or above `path`; nullptr when there is none.
const Report* maker_of(const Knowledge& knowledge, const std::string& path) {
    for (const KnownItem& known : knowledge.items_at(path)) {
        bool over = known.report->session.state != SessionState::live;
        if (over && ledger::is_path(known.item->kind)) return known.report;
    }
    return nullptr;
}

void check_mounts(const Knowledge& knowledge, std::vector<Check>& to) {
    for (const std::string& line : split_bytes(read_small("/proc/self/mountinfo", kMostMounts), '\n')) {
        std::vector<std::string> words = split_bytes(line, ' ');
        if (words.size() < 5) continue;
        std::string place = unescaped(words[4]);
        const Report* report = maker_of(knowledge, place);
        if (report == nullptr) continue;
        to.push_back({CheckLevel::bad, place,
                      fmt::format("is a mount that session {} left", report->session.id),
                      "a reaper never removes what is mounted, nor what it is mounted on:",
                      fmt::format("umount {} && {}", shell_quoted(place, true), cleaning_command(*report))});
    }
}

void check_loop_devices(const Knowledge& knowledge, std::vector<Check>& to) {
    std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/sys/block"), closedir);
    while (const dirent* entry = directory != nullptr ? readdir(directory.get()) : nullptr) {
        std::string name = entry->d_name;
        if (!name.starts_with("loop")) continue;
        std::string file = read_small(fmt::format("/sys/block/{}/loop/backing_file", name));
        while (file.ends_with('\n'))
            file.pop_back();
        constexpr std::string_view kDeleted = " (deleted)";
        if (file.ends_with(kDeleted)) file.resize(file.size() - kDeleted.size());
        const Report* report = file.empty() ? nullptr : maker_of(knowledge, file);
        if (report == nullptr) continue;
        to.push_back({CheckLevel::bad,
                      "/dev/" + name,
                      fmt::format("is a loop device on {}, which session {} made", file, report->session.id),
                      {},
                      "losetup -d /dev/" + name});
    }
}

/// Network namespaces that live on in processes of sessions that are over.
void check_networks(const Knowledge& knowledge, std::vector<Check>& to) {
    std::string own = link_target("/proc/self/ns/net");
    std::set<std::string> named;
    for (const auto& report : knowledge.reports()) {
        if (report->session.state == SessionState::live || !report->session.judged) continue;
        for (const Process& process : report->processes) {
            if (!is_alive(process.identity)) continue;
            std::string space = link_target(fmt::format("/proc/{}/ns/net", process.pid));
            if (space.empty() || own.empty() || space == own || !named.insert(space).second) continue;
            to.push_back({CheckLevel::bad,
                          space,
                          fmt::format("is a network namespace that process {} of session {} keeps",
                                      process.pid, report->session.id),
                          {},
                          cleaning_command(*report)});
        }
    }
}

/// The newest session that is over and during which `moment` (ns since the epoch) was; nullptr when none was.
const SessionEntry* session_at(const Knowledge& knowledge, u64 moment) {
    const SessionEntry* newest = nullptr;
    for (const SessionEntry& session : knowledge.sessions()) {
        bool over = session.state != SessionState::live && session.started != 0;
        if (!over || moment < session.started || moment > session.ended) continue;
        if (newest == nullptr || session.started > newest->started) newest = &session;
    }
    return newest;
}

/// Network namespaces that a mount keeps, as `ip netns add` makes one. Nothing says who made them, only when:
/// the kernel notes it where the namespace is mounted.
void check_named_networks(const Knowledge& knowledge, std::vector<Check>& to) {
    for (const std::string& line : split_bytes(read_small("/proc/self/mountinfo", kMostMounts), '\n')) {
        std::vector<std::string> words = split_bytes(line, ' ');
        if (words.size() < 5 || !words[3].starts_with("net:[")) continue;
        std::string place = unescaped(words[4]);
        struct stat st {};
        if (stat(place.c_str(), &st) != 0) continue;
        u64 made = static_cast<u64>(st.st_ctim.tv_sec) * 1'000'000'000 + static_cast<u64>(st.st_ctim.tv_nsec);
        const SessionEntry* session = session_at(knowledge, made);
        if (session == nullptr) continue;
        std::string name = place.substr(place.rfind('/') + 1);
        bool iproute = place == "/run/netns/" + name;
        to.push_back({CheckLevel::warn, place,
                      fmt::format("is a network namespace that was made while session {} ran", session->id),
                      "when nobody uses it:",
                      (iproute ? "ip netns delete " + shell_quoted(name, true)
                               : "umount " + shell_quoted(place, true))});
    }
}

}  // namespace

std::vector<Check> kernel_leftovers(const Knowledge& knowledge) {
    std::vector<Check> checks;
    check_mounts(knowledge, checks);
    check_loop_devices(knowledge, checks);
    check_networks(knowledge, checks);
    check_named_networks(knowledge, checks);
    return checks;
}

}  // namespace leakshim::tools
