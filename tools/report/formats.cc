// SPDX-License-Identifier: MIT
#include "formats.h"

#include <cstdlib>

namespace leakshim::tools {

namespace {

constexpr Format kFormats[] = {
    {"text", "for people", write_text_reports, write_text_sessions},
    {"json", "for programs, schema leakshim.report/1", write_json_reports, write_json_sessions},
    {"jsonl", "the same as lines, schema leakshim.lines/1", write_json_lines, write_json_session_lines},
    {"junit", "JUnit XML, joins the runner's own cases", write_junit_reports, nullptr},
    {"github", "annotations of GitHub Actions", write_github_reports, nullptr},
    {"github-summary", "Markdown for $GITHUB_STEP_SUMMARY", write_github_summary, nullptr},
    {"gitlab", "code quality report of GitLab", write_gitlab_reports, nullptr},
    {"tap", "Test Anything Protocol, version 13", write_tap_reports, nullptr},
    {"prometheus", "for node_exporter's textfile collector", write_prometheus_reports, nullptr},
};

/// What a job of GitHub Actions prints: the text for whoever opens the log, the annotations for all others.
constexpr Format kGithubLog = {"text", "with annotations", write_github_log, write_text_sessions};

}  // namespace

std::span<const Format> formats() {
    return kFormats;
}

const Format* find_format(std::string_view name) {
    for (const Format& format : kFormats) {
        if (format.name == name) return &format;
    }
    return nullptr;
}

const Format& suggested_format(bool terminal) {
    const char* github = std::getenv("GITHUB_ACTIONS");
    bool in_job = github != nullptr && std::string_view(github) == "true";
    return in_job && !terminal ? kGithubLog : kFormats[0];
}

std::string format_names(bool of_lists) {
    std::string names;
    for (const Format& format : kFormats) {
        if (of_lists && format.write_sessions == nullptr) continue;
        names += (names.empty() ? "" : ", ") + std::string(format.name);
    }
    return names;
}

}  // namespace leakshim::tools
