// SPDX-License-Identifier: MIT
//
// leakshim-reap: ends what dead sessions left, or a session or scope that is named, on request. Acts on a
// ledger with its owner's rights only. What goes wrong is a sentence on standard error.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "encoding.h"
#include "rights.h"
#include "tool_note.h"
#include "work.h"

namespace leakshim::tools {

namespace {

using nlohmann::json;

std::string shown(const json& text) {
    return terminal_safe(text.get<std::string>(), true);
}

/// What was asked for another user came from a process of that user: it is shown as his words, not as ours.
void print_thing(const json& thing, bool dry_run) {
    std::string state = shown(thing.at("state"));
    std::string verb = state;
    if (dry_run && state != "gone") verb = state == "reaped" ? "would reap" : "would leave";
    fmt::print("  {} {}: {}\n", verb, shown(thing.at("what")), shown(thing.at("action")));
    if (dry_run)
        fmt::print("    ours: {}; known by {}\n", shown(thing.at("evidence")), shown(thing.at("identity")));
}

void print_session(const json& session, const Arguments& arguments) {
    std::string title = shown(session.at("id"));
    if (!session.at("name").get<std::string>().empty())
        title = shown(session.at("name")) + " (" + title + ")";
    if (session.at("refused").is_string())
        complain(kTool, fmt::format("session {}: {}", title, shown(session.at("refused"))));
    size_t reaped = 0, failed = 0, left = 0, gone = 0;
    for (const json& thing : session.at("things")) {
        std::string state = thing.at("state");
        (state == "reaped" ? reaped : state == "failed" ? failed : state == "gone" ? gone : left) += 1;
        if (state == "failed" && arguments.quiet)
            complain(kTool, fmt::format("{}: {}", shown(thing.at("what")), shown(thing.at("action"))));
    }
    if (arguments.quiet || session.at("refused").is_string()) return;
    fmt::print("session {}\n", title);
    for (const json& thing : session.at("things"))
        print_thing(thing, arguments.dry_run);
    std::uint64_t retiring = session.at("retiring");
    fmt::print("  {}{} reaped, {} not reaped, {} left", arguments.dry_run ? "would be: " : "", reaped, failed,
               left);
    if (gone != 0) fmt::print(", {} gone", gone);
    if (retiring != 0)
        fmt::print(", {} descriptors to be retired by their processes at their next call", retiring);
    fmt::print("\n");
}

void print_text(const json& document, const Arguments& arguments) {
    for (const json& session : document.at("sessions"))
        print_session(session, arguments);
    bool nothing = document.at("sessions").empty() && document.at("exit_status") == int{kDone};
    if (nothing && !arguments.quiet) fmt::print("leakshim-reap: there is nothing to reap\n");
}

absl::StatusOr<std::set<uid_t>> users(const Arguments& arguments) {
    std::set<uid_t> all{geteuid()};
    if (arguments.all_users) {
        all.merge(owners_of_ledgers());
    } else if (!arguments.user.empty()) {
        auto user = find_user(arguments.user);
        if (!user.ok()) return user.status();
        all = {*user};
    }
    return all;
}

int run(const Arguments& arguments) {
    auto whose = users(arguments);
    if (!whose.ok()) {
        complain(kTool, whose.status());
        return kUsage;
    }
    json document = {
        {"schema", "leakshim.reap/1"}, {"dry_run", arguments.dry_run}, {"sessions", json::array()}};
    int status = kDone;
    for (uid_t user : *whose) {
        auto answer = run_as(user, [&] { return reap_as_owner(arguments).dump(); });
        json part = answer.ok() ? json::parse(*answer, nullptr, false) : json();
        if (!answer.ok() || part.is_discarded()) {
            complain(kTool, answer.ok() ? absl::DataLossError("the answer could not be understood")
                                        : answer.status());
            status = std::max<int>(status, kUnreadable);
            continue;
        }
        if (part.at("problem").is_string()) complain(kTool, shown(part.at("problem")));
        for (const json& session : part.at("sessions"))
            document["sessions"].push_back(session);
        status = std::max(status, part.at("status").get<int>());
    }
    document["exit_status"] = status;
    if (arguments.json)
        fmt::print("{}\n", document.dump(2, ' ', false, json::error_handler_t::replace));
    else
        print_text(document, arguments);
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
    complain(kTool, "what was done could not be written out; is the disk full?");
    return std::max<int>(status, kUsage);
}

}  // namespace

}  // namespace leakshim::tools

int main(int argc, char** argv) {
    using namespace leakshim::tools;
    return run_tool(kTool, [&] {
        int status = kDone;
        std::optional<Arguments> arguments = read_arguments(argc, argv, status);
        return arguments ? run(*arguments) : status;
    });
}
