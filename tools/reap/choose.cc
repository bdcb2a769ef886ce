// SPDX-License-Identifier: MIT
#include "choose.h"

#include <fmt/format.h>

#include <memory>

#include "encoding.h"
#include "ledger_dirs.h"

namespace leakshim::tools {

namespace {

using Scopes = std::map<std::string, std::vector<ledger::Handle>>;

Scopes all_scopes(ledger::Source& source, const ledger::Header& header) {
    Scopes scopes;
    auto walker = std::make_unique<ledger::Walker>(source, header);
    ledger::Line line;
    ledger::Entry entry;
    while (walker->next(line)) {
        bool is_scope = line.kind() == ledger::Kind::scope && (line.flags() & ledger::flag::kNoScope) == 0;
        if (is_scope && walker->read(line, entry)) scopes[std::string(entry.text)].push_back(entry.handle);
    }
    return scopes;
}

absl::StatusOr<std::vector<SessionEntry>> the_running_one(const std::vector<SessionEntry>& sessions) {
    std::vector<SessionEntry> running;
    for (const SessionEntry& session : sessions) {
        if (session.state == SessionState::live && session.problem.empty()) running.push_back(session);
    }
    if (running.size() == 1) return running;
    if (running.empty()) return absl::NotFoundError("no session is running, so there is no scope of one");
    std::string list = "more than one session is running; name one with --session:";
    for (const SessionEntry& session : running)
        list += " " + session.id;
    return absl::InvalidArgumentError(list);
}

}  // namespace

absl::StatusOr<std::vector<SessionEntry>> choose_sessions(const Arguments& arguments) {
    auto directories = find_ledger_directories(arguments.directory);
    if (!directories.ok()) return absl::InvalidArgumentError(directories.status().message());
    std::vector<SessionEntry> sessions = list_sessions(*directories);
    if (arguments.session.empty() && !arguments.scope.empty()) return the_running_one(sessions);
    if (arguments.session.empty()) {
        std::erase_if(sessions, [](const SessionEntry& session) {
            return session.tombstone || !session.problem.empty() || session.state != SessionState::dead;
        });
        return sessions;
    }
    auto named = find_named_session(sessions, arguments.session);
    if (named.ok()) return std::vector{*named};
    auto found = find_session(sessions, arguments.session);
    if (!found.ok()) return found.status();
    return std::vector{*found};
}

absl::StatusOr<std::vector<ledger::Handle>> choose_scope(ledger::Source& source, const ledger::Header& header,
                                                         const std::string& text) {
    Scopes scopes = all_scopes(source, header);
    if (auto exact = scopes.find(text); exact != scopes.end()) return exact->second;
    Scopes fitting;
    for (const auto& [name, handles] : scopes) {
        if (name.find(text) != std::string::npos) fitting[name] = handles;
    }
    if (fitting.size() == 1) return fitting.begin()->second;
    if (fitting.empty())
        return absl::NotFoundError(fmt::format("the session has no scope {}", terminal_safe(text, true)));
    std::string list = fmt::format("{} names more than one scope:", terminal_safe(text, true));
    for (const auto& [name, handles] : fitting)
        list += (list.back() == ':' ? " " : ", ") + terminal_safe(name, true);
    return absl::InvalidArgumentError(list);
}

}  // namespace leakshim::tools
