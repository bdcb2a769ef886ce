// SPDX-License-Identifier: MIT
//
// The ways in which a report can be written. To add a format: write its function in a file of its own, and
// give it a row in formats.cc; options and help follow from the table. Every format takes any number of
// reports, since those of several shards can be shown as one.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "report.h"
#include "sessions.h"

namespace leakshim::tools {

/// Takes the output, piece by piece.
using Sink = std::function<void(std::string_view)>;

/// How a person reads it; programs get everything that `redact` lets through.
struct Style {
    bool redact = true;  ///< hide secrets in command lines
    bool all = false;    ///< show every record, whole
    bool colour = false;
    bool unicode = true;  ///< the terminal shows UTF-8
    int width = 0;        ///< columns; 0: lines may be of any length
    size_t rows = 40;     ///< records shown when not all are
    bool rules = true;    ///< below each finding the rule that keeps it
    int height = 0;       ///< lines of the terminal, which the report shall fit; 0: it may be any long
};

struct Format {
    std::string_view name;
    std::string_view meaning;
    /// `reports` holds one session each, and at least one.
    void (*write_reports)(const Reports& reports, const Style& style, const Sink& sink);
    /// Of --list; nullptr where the format has no form for it.
    void (*write_sessions)(const std::vector<SessionEntry>& sessions, const Style& style, const Sink& sink);
};

std::span<const Format> formats();

/// The format of that name; nullptr when there is none.
const Format* find_format(std::string_view name);

/// What the environment asks for when the command line names none: text, and in a job of GitHub Actions the
/// text with annotations. `terminal`: somebody looks at it.
const Format& suggested_format(bool terminal);

/// The names of all, for a message; with `of_lists` of those that can show a list of sessions.
std::string format_names(bool of_lists);

// Their functions.
void write_text_reports(const Reports& reports, const Style& style, const Sink& sink);
void write_text_sessions(const std::vector<SessionEntry>& sessions, const Style& style, const Sink& sink);
void write_json_reports(const Reports& reports, const Style& style, const Sink& sink);
void write_json_sessions(const std::vector<SessionEntry>& sessions, const Style& style, const Sink& sink);
/// Each line is what leakshim.sessions/1 has of one session.
void write_json_session_lines(const std::vector<SessionEntry>& sessions, const Style& style,
                              const Sink& sink);
void write_json_lines(const Reports& reports, const Style& style, const Sink& sink);
void write_github_reports(const Reports& reports, const Style& style, const Sink& sink);
void write_github_summary(const Reports& reports, const Style& style, const Sink& sink);
void write_github_log(const Reports& reports, const Style& style, const Sink& sink);
void write_gitlab_reports(const Reports& reports, const Style& style, const Sink& sink);
void write_junit_reports(const Reports& reports, const Style& style, const Sink& sink);
void write_tap_reports(const Reports& reports, const Style& style, const Sink& sink);
void write_prometheus_reports(const Reports& reports, const Style& style, const Sink& sink);

}  // namespace leakshim::tools
