// SPDX-License-Identifier: MIT
#include "inquiry.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "encoding.h"
#include "hang.h"
#include "hang_notice.h"

namespace leakshim::tools {

namespace {

constexpr int kFine = 0, kUsageMistake = 2;

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
        ->check(CLI::NonNegativeNumber);
    app.add_option("--hang-notice", inquiry.hang_notice)->group("");
    app.add_option("--hang-time", inquiry.hang_time)->group("");
}

std::string objection_to(const Inquiry& inquiry, int others) {
    if (!inquiry.any() || inquiry.count() + others == 1) return {};
    return "only one question can be answered at a time, and none together with --list or files";
}

int answer(const Inquiry& inquiry, const std::string& session, bool json, const Style& style) {
    if (!inquiry.hang_notice.empty()) return give_notice(inquiry.hang_notice, inquiry.hang_time);
    return explain(inquiry, session, json, style);
}

}  // namespace leakshim::tools
