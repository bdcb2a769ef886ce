// SPDX-License-Identifier: MIT
//
// GitLab's code quality report: a JSON array with an object for each error and warning. GitLab compares two
// reports by their fingerprints, which therefore hold nothing that differs from run to run.
#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "encoding.h"
#include "findings.h"
#include "formats.h"
#include "lasting_names.h"

namespace leakshim::tools {

namespace {

using policy::Degree;

/// GitLab links to a file of the repository; this stands where none is known.
constexpr std::string_view kNoFile = "leakshim";

std::string_view severity_of(const Item& item) {
    if (item.degree == Degree::warning) return "minor";
    return item.state == ledger::State::reaped ? "major" : "critical";
}

}  // namespace

void write_gitlab_reports(const Reports& reports, const Style& style, const Sink& sink) {
    absl::flat_hash_map<std::string, u64> seen;
    bool first = true;
    sink("[");
    for (const Report& report : reports.all) {
        LastingNames names(report);
        for (const Item& item : report.items) {
            if (item.degree == Degree::note) continue;
            // The second of the same key in one report is another finding.
            std::string key = names.key_of(item);
            u64 before = seen[key]++;
            Place place = place_of(report, item);
            std::string file = place.file.empty() ? std::string(kNoFile) : to_utf8(place.file);
            nlohmann::ordered_json json = {
                {"description", sentence_of(report, item, style.redact)},
                {"check_name", "leakshim-" + check_name_of(item)},
                {"fingerprint", digest_of(fmt::format("{}#{}", key, before))},
                {"severity", severity_of(item)},
                {"location", {{"path", file}, {"lines", {{"begin", std::max(place.line, u32{1})}}}}}};
            sink(first ? "\n" : ",\n");
            sink(json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
            first = false;
        }
    }
    sink(first ? "]\n" : "\n]\n");
}

}  // namespace leakshim::tools
