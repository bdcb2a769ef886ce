// SPDX-License-Identifier: MIT
#include "checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "encoding.h"

namespace leakshim::tools {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kLevels[] = {"ok", "warn", "bad"};
constexpr std::string_view kColours[] = {"32", "33", "31"};

CheckLevel worst(const std::vector<Check>& checks) {
    CheckLevel level = CheckLevel::ok;
    for (const Check& check : checks)
        level = std::max(level, check.level);
    return level;
}

}  // namespace

int preflight_status(const std::vector<Check>& checks) {
    return worst(checks) == CheckLevel::ok ? 0 : 1;
}

int doctor_status(const std::vector<Check>& checks) {
    return worst(checks) == CheckLevel::bad ? 1 : 0;
}

void write_checks_text(std::string_view title, const std::vector<Check>& checks, const Style& style,
                       const Sink& sink) {
    size_t counts[3] = {};
    for (const Check& check : checks) {
        auto level = static_cast<size_t>(check.level);
        ++counts[level];
        std::string word(kLevels[level]);
        word.resize(4, ' ');
        if (style.colour) word = fmt::format("\033[{}m{}\033[0m", kColours[level], word);
        sink(fmt::format("{}  {}: {}\n", word, terminal_safe(check.subject, style.unicode),
                         terminal_safe(check.sentence, style.unicode)));
        if (!check.advice.empty())
            sink(fmt::format("      to do: {}\n", terminal_safe(check.advice, style.unicode)));
        if (!check.command.empty())
            sink(fmt::format("      run: {}\n", terminal_safe(check.command, style.unicode)));
    }
    sink(fmt::format("SUMMARY: leakshim {}: {} ok, {} warnings, {} bad\n", title, counts[0], counts[1],
                     counts[2]));
}

void write_checks_json(std::string_view title, const std::vector<Check>& checks, const Sink& sink) {
    Json json = {{"schema", "leakshim.checks/1"}, {"checked", title}};
    json["worst"] = kLevels[static_cast<size_t>(worst(checks))];
    json["checks"] = Json::array();
    for (const Check& check : checks) {
        // Before there was a field for it, a command was an advice.
        const std::string& advice = check.advice.empty() ? check.command : check.advice;
        json["checks"].push_back(
            {{"level", kLevels[static_cast<size_t>(check.level)]},
             {"subject", to_utf8(check.subject)},
             {"sentence", to_utf8(check.sentence)},
             {"advice", advice.empty() ? Json() : Json(to_utf8(advice))},
             {"command", check.command.empty() ? Json() : Json(to_utf8(check.command))}});
    }
    sink(json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace leakshim::tools
