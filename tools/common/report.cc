// SPDX-License-Identifier: MIT
#include "report.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "encoding.h"

namespace leakshim::tools {

namespace {

int domain_of(const Item& item) {
    return static_cast<int>(item.a & 0xffff);
}
int type_of(const Item& item) {
    return static_cast<int>(item.a >> 16 & 0xffff);
}
int port_of(const Item& item) {
    return static_cast<int>(item.a >> 32 & 0xffff);
}

std::string_view family_name(int domain) {
    switch (domain) {
        case AF_INET:
            return "inet";
        case AF_INET6:
            return "inet6";
        case AF_UNIX:
            return "unix";
        case AF_NETLINK:
            return "netlink";
        case AF_PACKET:
            return "packet";
        case AF_VSOCK:
            return "vsock";
        case AF_ALG:
            return "alg";
        default:
            return "";
    }
}

std::string_view type_name(int type) {
    switch (type) {
        case SOCK_STREAM:
            return "stream";
        case SOCK_DGRAM:
            return "dgram";
        case SOCK_SEQPACKET:
            return "seqpacket";
        case SOCK_RAW:
            return "raw";
        default:
            return "";
    }
}

void add_to(Summary& sum, const Summary& summary) {
    sum.errors += summary.errors;
    sum.warnings += summary.warnings;
    sum.notes += summary.notes;
    sum.reaped += summary.reaped;
    sum.kept += summary.kept;
    sum.failed += summary.failed;
    sum.leaked += summary.leaked;
    sum.live += summary.live;
    sum.unresolved += summary.unresolved;
    sum.known += summary.known;
}

/// The state that a reader must care most about.
SessionState worse(SessionState a, SessionState b) {
    if (a == SessionState::dead || b == SessionState::dead) return SessionState::dead;
    return a == SessionState::live || b == SessionState::live ? SessionState::live : SessionState::ended;
}

void add_to(Session& sum, const Session& session, bool first) {
    sum.state = first ? session.state : worse(sum.state, session.state);
    sum.judged = sum.judged && session.judged;
    sum.settings_known =
        (first || sum.flags == session.flags) && sum.settings_known && session.settings_known;
    sum.flags = first ? session.flags : sum.flags | (session.flags & ledger::session_flag::kNoPidfd);
    if (session.started != 0 && (sum.started == 0 || session.started < sum.started))
        sum.started = session.started;
    sum.ended = std::max(sum.ended, session.ended);
    if (!first && sum.guard != session.guard) sum.guard = ledger::Guard::unknown;
    if (first) {
        sum.guard = session.guard;
        sum.options = session.options;
        sum.rules = session.rules;
    }
    if (sum.options != session.options) sum.options.clear();
    if (sum.rules != session.rules) sum.rules.clear();
}

/// The same rule in several sessions is one.
void add_to(std::vector<RuleHits>& sum, const std::vector<RuleHits>& rules) {
    for (const RuleHits& rule : rules) {
        auto same = std::find_if(sum.begin(), sum.end(), [&](const RuleHits& known) {
            return known.file == rule.file && known.line == rule.line && known.text == rule.text;
        });
        if (same == sum.end()) {
            sum.push_back(rule);
            continue;
        }
        same->hits += rule.hits;
        same->missed += rule.missed;
        same->expired = same->expired || rule.expired;
        same->full = same->full || rule.full;
    }
}

}  // namespace

Report sum_of(const Reports& reports) {
    Report sum;
    sum.session.id = "merged";
    bool first = true;
    for (const Report& report : reports.all) {
        add_to(sum.session, report.session, first);
        add_to(sum.summary, report.summary);
        for (u32 i = 0; i < ledger::kCounters; ++i)
            sum.counters[i] += report.counters[i];
        sum.broken_chunks += report.broken_chunks;
        add_to(sum.rules, report.rules);
        first = false;
    }
    return sum;
}

std::string_view session_state_name(SessionState state) {
    constexpr std::string_view kNames[] = {"live", "ended", "dead"};
    return kNames[static_cast<int>(state)];
}

std::string_view Arena::keep(std::string_view text) {
    if (text.empty()) return {};
    if (room_ < text.size()) {
        room_ = std::max(kBlock, text.size());
        blocks_.push_back(std::make_unique<char[]>(room_));
        next_ = blocks_.back().get();
    }
    std::string_view kept(next_, text.size());
    std::memcpy(next_, text.data(), text.size());
    next_ += text.size();
    room_ -= text.size();
    return kept;
}

bool holds_port(const Item& item) {
    if (item.kind != ledger::Kind::socket) return false;
    int domain = domain_of(item);
    if (domain != AF_INET && domain != AF_INET6) return false;
    if ((item.flags & ledger::flag::kListening) != 0) return true;
    return (item.flags & ledger::flag::kBound) != 0 && type_of(item) == SOCK_DGRAM && port_of(item) != 0;
}

std::string_view kind_name_of(const Item& item) {
    return holds_port(item) ? std::string_view("listening_port") : ledger::kind_name(item.kind);
}

std::string_view kind_title_of(const Item& item) {
    return holds_port(item) ? std::string_view("listening port") : ledger::kind_title(item.kind);
}

SocketFacts socket_of(const Item& item) {
    SocketFacts socket;
    if (item.kind != ledger::Kind::socket) return socket;
    int domain = domain_of(item);
    socket.fd = item.number;
    socket.family = family_name(domain);
    socket.type = type_name(type_of(item));
    socket.listening = (item.flags & ledger::flag::kListening) != 0;
    socket.path = item.text;
    bool internet = domain == AF_INET || domain == AF_INET6;
    if (!internet || (item.flags & (ledger::flag::kBound | ledger::flag::kListening)) == 0) return socket;
    u64 address[2] = {item.b, item.c};
    char readable[INET6_ADDRSTRLEN] = {};
    if (inet_ntop(domain, address, readable, sizeof readable) != nullptr) socket.address = readable;
    socket.port = port_of(item);
    return socket;
}

std::vector<std::string> command_of(const Process& process, bool redact) {
    std::vector<std::string> arguments = split_bytes(process.command, '\0');
    return redact ? redact_command(std::move(arguments)) : arguments;
}

std::string thread_name_of(const Item& item) {
    if (item.kind != ledger::Kind::thread) return {};
    u64 words[2] = {item.c, item.d};
    char name[sizeof words];
    std::memcpy(name, words, sizeof words);
    return std::string(name, strnlen(name, sizeof name));
}

}  // namespace leakshim::tools
