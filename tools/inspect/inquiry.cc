// SPDX-License-Identifier: MIT
#include "inquiry.h"

#include <fmt/format.h>
#include <limits.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>

#include "checks.h"
#include "encoding.h"
#include "hang.h"
#include "hang_notice.h"
#include "observed.h"
#include "watch.h"
#include "whose.h"

namespace leakshim::tools {

namespace {

constexpr int kFine = 0, kNobody = 1, kUsageMistake = 2, kNotObserved = 4;
constexpr int kMostPort = 65535;

int complain(std::string_view why) {
    fmt::print(stderr, "leakshim-report: {}\n", why);
    return kUsageMistake;
}

void write_to_stdout(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
}

int after_writing(int status) {
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
    return complain("the answer could not be written out; is the disk full?");
}

/// The root of the session that was named, else of the newest live one, else of the one that ended last.
absl::StatusOr<int> chosen_root(const Knowledge& knowledge, const std::string& session) {
    auto entry = !session.empty() ? find_session(knowledge.sessions(), session)
                                  : newest_session(knowledge.sessions(), true);
    if (!entry.ok() && session.empty()) entry = newest_session(knowledge.sessions(), false);
    if (!entry.ok()) return entry.status();
    for (const auto& report : knowledge.reports()) {
        if (report->session.id == entry->id) return report->session.root_pid;
    }
    return absl::NotFoundError("the newest session left nothing behind, and none is running; name a process");
}

int explain(const Inquiry& inquiry, const std::string& session, bool json, const Style& style) {
    Knowledge knowledge;
    int pid = inquiry.hanging_pid;
    if (pid == 0) {
        auto root = chosen_root(knowledge, session);
        if (!root.ok()) return complain(std::string(root.status().message()));
        pid = *root;
    }
    auto hang = explain_hang(pid, knowledge);
    if (!hang) return complain(fmt::format("there is no process {}, and no session had it as its root", pid));
    (json ? write_hang_json : write_hang_text)(*hang, style, write_to_stdout);
    return after_writing(kFine);
}

int say_whose(const Inquiry& inquiry, bool json, const Style& style) {
    WhoseQuestion question{inquiry.port, inquiry.path, inquiry.pid};
    Whose whose = find_owners(question, Knowledge());
    (json ? write_whose_json : write_whose_text)(question, whose, style, write_to_stdout);
    return after_writing(whose.owners.empty() ? kNobody : kFine);
}

int check(const Inquiry& inquiry, bool json, const Style& style) {
    std::string_view title = inquiry.preflight ? "preflight" : "doctor";
    std::vector<Check> checks = inquiry.preflight ? preflight(Knowledge()) : doctor(inquiry.command);
    if (json)
        write_checks_json(title, checks, write_to_stdout);
    else
        write_checks_text(title, checks, style, write_to_stdout);
    return after_writing(inquiry.preflight ? preflight_status(checks) : doctor_status(checks));
}

}  // namespace

namespace {

/// A check for CLI11, whose own names the range of a floating-point number where `text` is none.
auto number_within(int least, int most, const char* what) {
    return [=](const std::string& text) {
        int number = 0;
        const char* end = text.data() + text.size();
        auto [read, error] = std::from_chars(text.data(), end, number);
        bool fits = error == std::errc() && read == end && number >= least && number <= most;
        return fits ? std::string() : fmt::format("{} is no {}", text, what);
    };
}

constexpr const char* kProcess = "number of a process";

}  // namespace

void add_inquiry_options(CLI::App& app, Inquiry& inquiry) {
    app.add_option_function<int>(
           "--why-hanging",
           [&](const int& pid) {
               inquiry.why_hanging = true;
               inquiry.hanging_pid = pid;
           },
           "Say what process PID waits for (without PID: the root of the session)")
        ->option_text("[PID]")
        ->expected(0, 1)
        ->default_str("0")
        ->check(number_within(0, INT_MAX, kProcess));
    app.add_option("--port", inquiry.port)
        ->check(number_within(1, kMostPort, "port: expected a number from 1 to 65535"));
    app.add_option("--path", inquiry.path);
    app.add_option("--pid", inquiry.pid)->check(number_within(1, INT_MAX, kProcess));
    app.add_flag("--preflight", inquiry.preflight);
    app.add_flag("--doctor", inquiry.doctor);
    app.add_flag("--watch", inquiry.watch);
    app.add_flag("--require-observed", inquiry.require_observed);
    app.add_option("--since", inquiry.since);
    app.add_option("--hang-notice", inquiry.hang_notice)->group("");
    app.add_option("--hang-time", inquiry.hang_time)->group("");
}

std::string objection_to(const Inquiry& inquiry, int others) {
    if (!inquiry.since.empty() && !inquiry.require_observed) return "--since goes with --require-observed";
    if (inquiry.require_observed && inquiry.any())
        return "--require-observed goes with a report or --list, and with no other question";
    if (!inquiry.any() || inquiry.count() + others == 1) return {};
    return "only one question can be answered at a time, and none together with --list or files";
}

int require_observed(const Inquiry& inquiry, const std::vector<SessionEntry>& sessions) {
    if (!inquiry.require_observed) return kFine;
    auto moment = moment_of(inquiry.since);
    if (!moment.ok()) return complain(std::string(moment.status().message()));
    absl::Status observed = check_observed(sessions, *moment);
    if (observed.ok()) return kFine;
    complain(std::string(observed.message()));
    return kNotObserved;
}

int answer(const Inquiry& inquiry, const std::string& session, bool json, const Style& style) {
    if (!inquiry.hang_notice.empty()) return give_notice(inquiry.hang_notice, inquiry.hang_time);
    if (inquiry.watch) return watch(session, inquiry.lines, style);
    if (inquiry.why_hanging) return explain(inquiry, session, json, style);
    if (inquiry.preflight || inquiry.doctor) return check(inquiry, json, style);
    return say_whose(inquiry, json, style);
}

}  // namespace leakshim::tools
