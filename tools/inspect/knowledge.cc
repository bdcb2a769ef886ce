// SPDX-License-Identifier: MIT
#include "knowledge.h"

#include <algorithm>
#include <cstdlib>

#include "ledger_dirs.h"
#include "load.h"
#include "proc.h"

namespace leakshim::tools {

namespace {

constexpr int kMostAncestors = 64;  // whatever cycle somebody's /proc shows

bool is_started_thread(const Item& item) {
    return item.kind == ledger::Kind::thread && (item.flags & ledger::flag::kStarted) != 0 &&
           (item.flags & ledger::flag::kFinished) == 0;
}

bool is_at_or_above(std::string_view place, std::string_view path) {
    if (place.empty() || !path.starts_with(place)) return false;
    return path.size() == place.size() || path[place.size()] == '/';
}

}  // namespace

Knowledge::Knowledge() {
    const char* wanted = std::getenv("LEAKSHIM_DIR");
    auto directories = find_ledger_directories(wanted != nullptr ? wanted : "");
    if (!directories.ok()) {
        problems_.emplace_back(directories.status().message());
        return;
    }
    sessions_ = list_sessions(*directories);
    for (const SessionEntry& entry : sessions_) {
        if (!entry.tombstone) read(entry.path);
    }
}

Knowledge::Knowledge(const std::string& ledger) {
    read(ledger);
}

void Knowledge::read(const std::string& path) {
    auto file = LedgerFile::open(path);
    if (file.ok())
        add(std::make_unique<Report>(load_report(**file)));
    else
        problems_.emplace_back(file.status().message());
}

void Knowledge::add(std::unique_ptr<Report> report) {
    bool visible = report->session.judged && report->session.boot_id == own_boot_id();
    for (u32 i = 0; visible && i < report->processes.size(); ++i)
        by_pid_[report->processes[i].pid].push_back({report.get(), i});
    for (const Item& item : report->items) {
        if (visible && is_started_thread(item)) by_tid_[item.number].push_back({report.get(), &item});
    }
    reports_.push_back(std::move(report));
}

std::optional<KnownProcess> Knowledge::process(int pid) const {
    auto found = by_pid_.find(pid);
    if (found == by_pid_.end()) return std::nullopt;
    for (const KnownProcess& known : found->second) {
        if (is_alive(known.process().identity)) return known;
    }
    return std::nullopt;
}

std::vector<KnownProcess> Knowledge::bearers_of(int pid) const {
    auto found = by_pid_.find(pid);
    if (found == by_pid_.end()) return {};
    std::vector<KnownProcess> bearers = found->second;
    std::stable_sort(bearers.begin(), bearers.end(), [](const KnownProcess& a, const KnownProcess& b) {
        return a.process().identity.born > b.process().identity.born;
    });
    return bearers;
}

const Item* Knowledge::thread(const KnownProcess& process, int tid) const {
    auto found = by_tid_.find(tid);
    if (found == by_tid_.end()) return nullptr;
    for (const KnownItem& known : found->second) {
        if (known.report == process.report && known.item->process == process.index) return known.item;
    }
    return nullptr;
}

std::optional<KnownProcess> Knowledge::nearest(int pid) const {
    for (int step = 0; step < kMostAncestors && pid > 1; ++step) {
        if (auto known = process(pid)) return known;
        ProcessStat stat;
        if (!read_process_stat(pid, stat)) break;
        pid = stat.ppid;
    }
    return std::nullopt;
}

std::string Knowledge::test_of(const KnownProcess& known) const {
    u32 item = known.process().item;
    if (item == kNone) return {};
    return std::string(policy::test_name(known.report->test_of(known.report->items[item])));
}

std::string Knowledge::test_of(int pid) const {
    auto known = nearest(pid);
    return known ? test_of(*known) : std::string();
}

const Report* Knowledge::session_of(int pid) const {
    auto known = nearest(pid);
    return known ? known->report : nullptr;
}

std::vector<KnownItem> Knowledge::items_with_port(int port) const {
    std::vector<KnownItem> found;
    for (const auto& report : reports_) {
        for (const Item& item : report->items) {
            if (item.kind == ledger::Kind::socket && socket_of(item).port == port)
                found.push_back({report.get(), &item});
        }
    }
    return found;
}

std::vector<KnownItem> Knowledge::items_at(std::string_view path) const {
    std::vector<KnownItem> found;
    for (const auto& report : reports_) {
        for (const Item& item : report->items) {
            bool named = ledger::is_path(item.kind) && is_at_or_above(item.text, path);
            bool opened = ledger::is_fd(item.kind) && item.text == path;
            if (named || opened) found.push_back({report.get(), &item});
        }
    }
    return found;
}

}  // namespace leakshim::tools
