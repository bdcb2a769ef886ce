// SPDX-License-Identifier: MIT
#include "snapshot.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <map>

#include "policy.h"
#include "reader.h"
#include "report.h"

namespace leakshim::tools {

namespace {

using ledger::Entry;
using ledger::Kind;
using ledger::State;

/// In the order of their titles, by which a socket that holds a port is apart from others.
using Kinds = std::map<std::string_view, Snapshot::OfKind>;

bool counts(const Entry& entry, SessionState session) {
    if (entry.kind == Kind::scope || entry.state == State::ended) return false;
    if (policy::degree_of(entry) != policy::Degree::none) return true;
    return entry.state == State::live && session != SessionState::ended;
}

void add_kind(const Entry& entry, Kinds& kinds) {
    Item item;
    item.kind = entry.kind;
    item.flags = entry.flags;
    item.a = entry.a;
    std::string_view title = kind_title_of(item);
    auto [kind, is_new] = kinds.try_emplace(title);
    if (is_new) kind->second.name = kind_name_of(item), kind->second.title = title;
    kind->second.tally.add(entry.born);
}

/// The names of tests are texts like any other, which may come after those that refer to them.
std::vector<Snapshot::OfTest> named(const absl::flat_hash_map<ledger::Handle, Tally>& scopes,
                                    const absl::flat_hash_map<ledger::Handle, std::string>& names) {
    std::map<std::string_view, Tally> tests;
    for (const auto& [scope, tally] : scopes) {
        auto name = names.find(scope);
        Tally& sum = tests[name == names.end() ? std::string_view()
                                               : std::string_view(policy::test_name(name->second))];
        sum.count += tally.count;
        sum.oldest = std::min(sum.oldest, tally.oldest);
        sum.newest = std::max(sum.newest, tally.newest);
    }
    std::vector<Snapshot::OfTest> sorted;
    for (const auto& [name, tally] : tests)
        sorted.push_back({std::string(name), tally});
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.tally.count > b.tally.count; });
    return sorted;
}

}  // namespace

Snapshot take_snapshot(LedgerFile& file) {
    const ledger::Header& header = file.header();
    Snapshot snapshot;
    bool judged = true;
    snapshot.id = header.id;
    snapshot.state = judge_session(file, judged);
    snapshot.command = texts_of(header.command);
    snapshot.started = header.created_realtime;
    snapshot.started_boot = header.created_boottime;
    Kinds kinds;
    absl::flat_hash_map<ledger::Handle, Tally> scopes;
    absl::flat_hash_map<ledger::Handle, std::string> names;
    ledger::Walker walker(file.source(), header);
    Entry entry;
    while (walker.next(entry)) {
        if (entry.kind == Kind::scope && (entry.flags & ledger::flag::kNoScope) == 0)
            names[entry.handle] = entry.text;
        if (!counts(entry, snapshot.state)) continue;
        ++snapshot.total;
        add_kind(entry, kinds);
        bool has_gone_in = entry.kind == Kind::process && entry.scope == 0;
        scopes[has_gone_in ? entry.process_scope : entry.scope].add(entry.born);
    }
    for (const auto& [title, kind] : kinds)
        snapshot.kinds.push_back(kind);
    snapshot.tests = named(scopes, names);
    return snapshot;
}

}  // namespace leakshim::tools
