// SPDX-License-Identifier: MIT
#include "lasting_names.h"

#include <fmt/format.h>

#include <algorithm>

#include "encoding.h"

namespace leakshim::tools {

namespace {

using ledger::Kind;

/// The name of all that is no path, with everything in it that tells what the thing is.
std::string name_of(const Report& report, const Item& item) {
    if (item.kind == Kind::process) {
        const Process* process = report.process_of(item);
        std::string name;
        if (process == nullptr) return name;
        for (const std::string& argument : command_of(*process, true))
            name += (name.empty() ? "" : " ") + argument;
        return name;
    }
    if (item.kind == Kind::thread) return thread_name_of(item);
    if (item.kind == Kind::socket) {
        SocketFacts socket = socket_of(item);
        return socket.family + " " + socket.type + " " + socket.address + socket.path;
    }
    return std::string(item.text);
}

std::string_view last_part(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

/// A script of Python too: the system starts the interpreter with it.
bool is_python(std::string_view command) {
    std::string_view program = last_part(command.substr(0, command.find('\0')));
    return program.starts_with("python") || program.starts_with("pypy");
}

}  // namespace

LastingNames::LastingNames(const Report& report, Use use) : report_(report), use_(use) {
    for (const Item& item : report.items) {
        if (!ledger::is_path(item.kind) && !ledger::is_named_ipc(item.kind)) continue;
        if (auto name = made_from_template(item)) known_.try_emplace(item.text, *std::move(name));
    }
}

std::optional<std::string> LastingNames::made_from_template(const Item& item) const {
    // A socket file bears the same mark, since it is temporary wherever it lies, but a name of its own.
    bool temporary = item.kind == Kind::temp_dir || item.kind == Kind::temp_file;
    if (temporary && (item.flags & ledger::flag::kByName) != 0) return without_template(item.text);
    const Process* maker = report_.process_of(item);
    std::string_view command = maker == nullptr ? std::string_view() : maker->command;
    if (auto name = without_template_of(command, item.text)) return name;
    if (command.find(last_part(item.text)) != command.npos) return {};
    bool owner_only = temporary && (item.flags & ledger::flag::kOwnerOnly) != 0;
    if (is_python(command)) return without_python_tail(item.text, owner_only);
    return owner_only ? without_odd_word(item.text) : std::nullopt;
}

std::string LastingNames::with_known_paths(std::string_view text) const {
    constexpr std::string_view kEnds = "/ :=,;'\"()";
    std::string result;
    for (size_t at = 0; at < text.size();) {
        bool begins = text[at] == '/' && !known_.empty();
        size_t longest = 0;
        const std::string* name = nullptr;
        for (size_t end = at + 1; begins && end <= text.size(); ++end) {
            end = std::min(text.find_first_of(kEnds, end), text.size());
            auto known = known_.find(text.substr(at, end - at));
            if (known != known_.end()) longest = end - at, name = &known->second;
            begins = end < text.size() && text[end] == '/';
        }
        result += name != nullptr ? *name : std::string(1, text[at]);
        at += name != nullptr ? longest : 1;
    }
    return result;
}

std::string LastingNames::in(std::string_view text) const {
    return without_chance(with_known_paths(text), use_);
}

std::string LastingNames::of(const Item& item) const {
    if (!ledger::is_path(item.kind)) {
        std::string name = in(name_of(report_, item));
        for (size_t at = 0; (at = name.find(kRedacted, at)) != name.npos;)
            name.replace(at, std::string_view(kRedacted).size(), "*");
        return name;
    }
    auto known = known_.find(item.text);
    std::string name = known == known_.end() ? std::string(item.text) : known->second;
    if (item.inside == kNone) return known == known_.end() ? in(name) : without_chance(name, use_);
    // Names get shorter with each tree, whatever a saved report says of what lies in what.
    const Item& tree = report_.items[item.inside];
    if (tree.text.empty() || name.size() <= tree.text.size() || !name.starts_with(tree.text) ||
        name[tree.text.size()] != '/')
        return without_chance(name, use_);
    return of(tree) + without_chance(name.substr(tree.text.size()), use_);
}

std::string LastingNames::key_of(const Item& item) const {
    std::string_view test = policy::test_name(report_.test_of(item));
    return fmt::format("{}:{};test={}", kind_name_of(item), terminal_safe(of(item), true),
                       terminal_safe(test, true));
}

}  // namespace leakshim::tools
