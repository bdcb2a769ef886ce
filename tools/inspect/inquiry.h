// SPDX-License-Identifier: MIT
//
// The questions that leakshim-report answers besides what a session left: its options for them, and who
// answers.
#pragma once

#include <string>
#include <vector>

#include "formats.h"
#include "sessions.h"

namespace CLI {
class App;
}

namespace leakshim::tools {

/// What was asked, as the command line has it.
struct Inquiry {
    bool why_hanging = false;
    int hanging_pid = 0;      ///< 0: the root of the session that is chosen
    std::string hang_notice;  ///< ledger of a session that is to be told, in its own standard error
    std::string hang_time;    ///< for how long it has made no progress

    int port = 0;  ///< whose is it; 0: not asked
    std::string path;
    int pid = 0;
    bool preflight = false;
    bool doctor = false;
    bool watch = false;
    bool lines = false;                ///< of JSON, of what is watched
    std::vector<std::string> command;  ///< of the doctor
    bool require_observed = false;     ///< no question, but a demand on the report
    std::string since;

    bool any() const { return count() != 0; }
    /// How many questions there are: only one can be answered at a time.
    int count() const {
        return why_hanging + !hang_notice.empty() + (port != 0) + !path.empty() + (pid != 0) + preflight +
               doctor + watch;
    }
};

/// Why the question can't be asked so; `others`: how many other things were asked for. Empty when it can.
std::string objection_to(const Inquiry& inquiry, int others);

/// Adds the options of all questions.
void add_inquiry_options(CLI::App& app, Inquiry& inquiry);

/// 0 when the demand of --require-observed is met, or was not made; else an exit status, and said why.
int require_observed(const Inquiry& inquiry, const std::vector<SessionEntry>& sessions);

/// Answers on standard output, and with the exit status: as leakshim-report(1) says for each question.
/// `session` is the value of --session, empty without.
int answer(const Inquiry& inquiry, const std::string& session, bool json, const Style& style);

}  // namespace leakshim::tools
