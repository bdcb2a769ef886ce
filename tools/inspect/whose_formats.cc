// SPDX-License-Identifier: MIT
//
// The answer to "whose is this" for people, and as JSON of the schema leakshim.whose/1.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "encoding.h"
#include "record_json.h"
#include "redact.h"
#include "text_words.h"
#include "times.h"
#include "whose.h"

namespace leakshim::tools {

namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostHeld = 12;

std::string question_words(const WhoseQuestion& question, const Style& style) {
    if (question.port != 0) return fmt::format("port {}", question.port);
    if (question.pid != 0) return fmt::format("process {}", question.pid);
    return terminal_safe(question.path, style.unicode);
}

std::string held_words(const Holds& holds, const Style& style) {
    std::string words;
    size_t shown = 0, total = holds.sockets.size() + holds.files.size();
    auto add = [&](const std::string& word) {
        if (shown == kMostHeld && !style.all) return;
        words += (words.empty() ? "" : ", ") + word;
        ++shown;
    };
    for (const SocketFacts& socket : holds.sockets)
        add(socket_words(socket, style.unicode));
    for (const std::string& file : holds.files)
        add(terminal_safe(file, style.unicode));
    if (total > shown) words += fmt::format(" and {} more", total - shown);
    return words;
}

void write_owner(const Owner& owner, const Style& style, const Sink& sink) {
    std::vector<std::string> command = style.redact ? redact_command(owner.command) : owner.command;
    std::string who = join_command(command, style.unicode);
    if (who.empty()) who = "(command line not known)";
    std::string pid =
        owner.pid == 0 ? std::string() : fmt::format(" (pid {}{})", owner.pid, owner.alive ? "" : ", dead");
    sink(fmt::format("\n{}: {}{} {}\n", terminal_safe(owner.what, style.unicode), who, pid, owner.how));
    if (owner.since != 0) sink(fmt::format("  since {}\n", local_time(owner.since)));
    if (!owner.test.empty()) sink(fmt::format("  test {}\n", terminal_safe(owner.test, style.unicode)));
    if (!owner.site.empty()) sink(fmt::format("  made at {}\n", terminal_safe(owner.site, style.unicode)));
    if (owner.session.empty())
        sink("  of no session that leakshim knows\n");
    else
        sink(fmt::format("  session {} ({}){}\n", terminal_safe(owner.session, style.unicode),
                         owner.session_state, owner.state.empty() ? "" : ", the record is " + owner.state));
    std::string held = held_words(owner.holds, style);
    if (!held.empty()) sink(fmt::format("  holds {}\n", held));
}

Json text_or_null(const std::string& text) {
    return text.empty() ? Json() : Json(to_utf8(text));
}

Json owner_json(const Owner& owner, const Style& style) {
    Json json = {{"what", to_utf8(owner.what)}, {"how", owner.how}, {"now", owner.now}};
    json["pid"] = owner.pid != 0 ? Json(owner.pid) : Json();
    json["alive"] = owner.alive;
    json["command"] = command_json(style.redact ? redact_command(owner.command) : owner.command);
    json["since"] = time_json(owner.since);
    json["test"] = text_or_null(owner.test);
    json["site"] = text_or_null(owner.site);
    json["state"] = text_or_null(owner.state);
    json["session"] = text_or_null(owner.session);
    json["session_state"] = text_or_null(owner.session_state);
    json["sockets"] = Json::array();
    for (const SocketFacts& socket : owner.holds.sockets)
        json["sockets"].push_back(to_utf8(socket_words(socket, true)));
    json["files"] = Json::array();
    for (const std::string& file : owner.holds.files)
        json["files"].push_back(to_utf8(file));
    return json;
}

}  // namespace

void write_whose_text(const WhoseQuestion& question, const Whose& whose, const Style& style,
                      const Sink& sink) {
    std::string asked = question_words(question, style);
    if (whose.owners.empty())
        sink(fmt::format("{}: nobody who can be seen has it, and no ledger knows it\n", asked));
    else
        sink(fmt::format("whose is {}?\n", asked));
    for (const Owner& owner : whose.owners)
        write_owner(owner, style, sink);
    if (!whose.notes.empty()) sink("\n");
    for (const std::string& note : whose.notes)
        sink(fmt::format("note: {}\n", terminal_safe(note, style.unicode)));
}

void write_whose_json(const WhoseQuestion& question, const Whose& whose, const Style& style,
                      const Sink& sink) {
    Json json = {{"schema", "leakshim.whose/1"}};
    json["port"] = question.port != 0 ? Json(question.port) : Json();
    put_path(json, "path", question.path);
    json["pid"] = question.pid != 0 ? Json(question.pid) : Json();
    json["owners"] = Json::array();
    for (const Owner& owner : whose.owners)
        json["owners"].push_back(owner_json(owner, style));
    json["notes"] = Json::array();
    for (const std::string& note : whose.notes)
        json["notes"].push_back(to_utf8(note));
    sink(json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace leakshim::tools
