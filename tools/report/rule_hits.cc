// SPDX-License-Identifier: MIT
#include "rule_hits.h"

#include <fmt/format.h>

#include <cstdio>

#include "encoding.h"
#include "record_json.h"
#include "rules.h"
#include "saved_record.h"

namespace leakshim::tools {

namespace {

using Json = nlohmann::ordered_json;
constexpr size_t kUnusedShown = 10;

std::string line_of(const RuleHits& rule) {
    rules::Tally tally;
    if (!rule.builtin) tally.file = rule.file;
    tally.text = rule.text;
    tally.reason = rule.reason;
    tally.hits = rule.hits;
    tally.missed = rule.missed;
    tally.line = rule.line;
    tally.until = rule.until;
    tally.expired = rule.expired;
    tally.full = rule.full;
    tally.bad = rule.bad;
    // Each byte may become four.
    std::string memory(4 * (rule.file.size() + rule.text.size() + rule.reason.size()) + 512, '\0');
    TextBuffer text(memory.data(), memory.size());
    rules::print_rule(tally, text);
    std::string_view line = text.str();
    return std::string(line.substr(0, line.find('\n')));
}

Json date_json(u32 date) {
    if (date == 0) return {};
    return fmt::format("{:04}-{:02}-{:02}", date / 10'000, date / 100 % 100, date % 100);
}

u32 date_from(const Field& field) {
    unsigned year = 0, month = 0, day = 0;
    if (std::sscanf(field.text().c_str(), "%4u-%2u-%2u", &year, &month, &day) != 3 || month > 12 || day > 31)
        field.refuse("is no date");
    return year * 10'000 + month * 100 + day;
}

}  // namespace

void write_rules(const std::vector<RuleHits>& rules, const Style& style, const Sink& sink) {
    if (rules.empty()) return;
    size_t unused = 0;
    sink("rules:\n");
    for (const RuleHits& rule : rules) {
        bool is_unused = rule.hits == 0 && rule.missed == 0 && !rule.bad;
        unused += is_unused;
        if (is_unused && unused > kUnusedShown && !style.all) continue;
        for (const std::string& line : wrapped(line_of(rule), style.width > 0 ? style.width - 4 : 0))
            sink("  " + line + "\n");
    }
    if (unused > kUnusedShown && !style.all)
        sink(fmt::format("  and {} more without a hit; --all names them\n", unused - kUnusedShown));
    sink("\n");
}

Json rules_json(const std::vector<RuleHits>& rules) {
    Json list = Json::array();
    for (const RuleHits& rule : rules) {
        Json json = Json::object();
        put_path(json, "file", rule.builtin ? std::string_view() : rule.file);
        json["line"] = rule.builtin ? Json() : Json(rule.line);
        put_path(json, "text", rule.text);
        json["reason"] = rule.reason.empty() ? Json() : Json(to_utf8(rule.reason));
        json["hits"] = rule.hits;
        json["missed"] = rule.missed;
        json["until"] = date_json(rule.until);
        json["expired"] = rule.expired;
        json["full"] = rule.full;
        if (rule.bad) json["bad"] = true;
        list.push_back(std::move(json));
    }
    return list;
}

std::vector<RuleHits> read_rules(const Field& from) {
    std::vector<RuleHits> rules;
    for (const Field& field : from.list()) {
        RuleHits rule;
        rule.builtin = !field.find("line").has_value();
        if (!rule.builtin) rule.line = static_cast<u32>(field.at("line").number(0, UINT32_MAX));
        rule.file = name_of(field, "file");
        rule.text = name_of(field, "text");
        rule.reason = field.text_or("reason");
        rule.hits = field.at("hits").count();
        if (auto missed = field.find("missed")) rule.missed = missed->count();
        if (auto until = field.find("until")) rule.until = date_from(*until);
        rule.expired = field.is_set("expired");
        rule.full = field.is_set("full");
        rule.bad = field.is_set("bad");
        rules.push_back(std::move(rule));
    }
    return rules;
}

}  // namespace leakshim::tools
