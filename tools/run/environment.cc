// SPDX-License-Identifier: MIT
#include "environment.h"

#include <filesystem>

namespace leakshim::tools {

namespace {

constexpr std::string_view kLibrary = "libleakshim.so";
constexpr const char* kPreload = "LD_PRELOAD";

std::string value_or_nothing(const Environment& environment, const std::string& name) {
    const std::string* value = environment.get(name);
    return value == nullptr ? "" : *value;
}

/// LEAKSHIM with the words that --report, --reap and --fail stand for.
std::string mode_words(const RunArguments& arguments, const std::string& before) {
    std::string mode = before;
    if (arguments.report || arguments.reap) {
        bool failed = (',' + before + ',').find(",fail,") != std::string::npos;
        mode = arguments.report ? "report" : "reap";
        if (failed && !arguments.fail) mode += ",fail";
    }
    if (arguments.fail) mode += mode.empty() ? "fail" : ",fail";
    return mode;
}

/// The entries of a preload list; ld.so(8) takes spaces and colons alike.
std::vector<std::string> split_preload(const std::string& list) {
    std::vector<std::string> entries;
    for (size_t at = 0; (at = list.find_first_not_of(": ", at)) != std::string::npos;) {
        size_t end = std::min(list.find_first_of(": ", at), list.size());
        entries.push_back(list.substr(at, end - at));
        at = end;
    }
    return entries;
}

bool is_ours(const std::string& entry) {
    return entry.substr(entry.rfind('/') + 1).starts_with(kLibrary);
}

void join_preload(const std::vector<std::string>& entries, Environment& environment) {
    std::string list;
    for (const std::string& entry : entries)
        list += (list.empty() ? "" : ":") + entry;
    if (list.empty())
        environment.remove(kPreload);
    else
        environment.set(kPreload, list);
}

}  // namespace

Environment::Environment(char* const* entries) {
    for (; *entries != nullptr; ++entries)
        entries_.push_back({*entries, {}});
    for (Entry& entry : entries_) {
        size_t sign = entry.text.find('=');
        if (sign != std::string::npos) entry.value = entry.text.substr(sign + 1);
    }
}

Environment::Entry* Environment::find(const std::string& name) {
    for (Entry& entry : entries_) {
        if (entry.text.starts_with(name + '=')) return &entry;
    }
    return nullptr;
}

const std::string* Environment::get(const std::string& name) const {
    const Entry* entry = const_cast<Environment*>(this)->find(name);
    return entry == nullptr ? nullptr : &entry->value;
}

void Environment::set(const std::string& name, const std::string& value) {
    Entry* entry = find(name);
    if (entry == nullptr) entry = &entries_.emplace_back();
    *entry = {name + '=' + value, value};
}

void Environment::remove(const std::string& name) {
    std::erase_if(entries_, [&](const Entry& entry) { return entry.text.starts_with(name + '='); });
}

std::vector<char*> Environment::block() {
    std::vector<char*> block;
    for (Entry& entry : entries_)
        block.push_back(entry.text.data());
    block.push_back(nullptr);
    return block;
}

void apply_settings(const RunArguments& arguments, Environment& environment) {
    if (arguments.report || arguments.reap || arguments.fail)
        environment.set("LEAKSHIM", mode_words(arguments, value_or_nothing(environment, "LEAKSHIM")));
    std::string options = value_or_nothing(environment, "LEAKSHIM_OPTIONS");
    for (const std::string& option : arguments.options)
        options += (options.empty() ? "" : ":") + option;
    if (!arguments.options.empty()) environment.set("LEAKSHIM_OPTIONS", options);
    if (!arguments.rules.empty()) {
        std::error_code error;
        environment.set("LEAKSHIM_RULES", std::filesystem::absolute(arguments.rules, error));
    }
    constexpr const char* kAsanName = "verify_asan_link_order";
    std::string asan = value_or_nothing(environment, "ASAN_OPTIONS");
    if (asan.find(kAsanName) == std::string::npos)
        environment.set("ASAN_OPTIONS", asan + (asan.empty() ? "" : ":") + kAsanName + "=0");
}

void add_preload(const std::string& library, Environment& environment) {
    std::vector<std::string> entries = split_preload(value_or_nothing(environment, kPreload));
    bool there = false;
    for (std::string& entry : entries) {
        if (!is_ours(entry)) continue;
        entry = there ? "" : library;
        there = true;
    }
    std::erase(entries, "");
    if (!there) entries.insert(entries.begin(), library);
    join_preload(entries, environment);
}

void remove_preload(Environment& environment) {
    std::vector<std::string> entries = split_preload(value_or_nothing(environment, kPreload));
    if (std::erase_if(entries, is_ours) != 0) join_preload(entries, environment);
}

}  // namespace leakshim::tools
