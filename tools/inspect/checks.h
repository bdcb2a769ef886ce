// SPDX-License-Identifier: MIT
//
// Findings about the surroundings of a run, one line each with what to do: before it (--preflight), and about
// whether leakshim can do its work here (--doctor).
//
// Guarantees: nothing is changed, and no command is run but the library's own test and ld.so --list.
#pragma once

#include <string>
#include <vector>

#include "formats.h"
#include "knowledge.h"

namespace leakshim::tools {

enum class CheckLevel { ok, warn, bad };

struct Check {
    CheckLevel level = CheckLevel::ok;
    std::string subject;   ///< `library`, `/tmp`
    std::string sentence;  ///< what was found
    std::string advice;    ///< what to do, empty when there is nothing
    std::string command;   ///< ready to paste, for a shell; empty when no command does it
};

/// What earlier runs left, and whether there is room for another.
std::vector<Check> preflight(const Knowledge& knowledge);

/// Whether leakshim works here; with a `command`, whether for that one. Its file is looked at, and not run.
std::vector<Check> doctor(const std::vector<std::string>& command);

/// The command that reaps what a session has left.
std::string cleaning_command(const Report& report);

/// `path` as a place for temporary things: space and inodes.
Check check_room(const std::string& path);

/// Mounts, loop devices and network namespaces that sessions which are over have left behind.
std::vector<Check> kernel_leftovers(const Knowledge& knowledge);

/// How a program's file stands to a preload: static, set-id, 32 bit, sanitizer …
std::vector<Check> check_command(const std::vector<std::string>& command);

/// 1 when one of the checks is not ok, else 0; for the doctor a warning is no failure.
int preflight_status(const std::vector<Check>& checks);
int doctor_status(const std::vector<Check>& checks);

void write_checks_text(std::string_view title, const std::vector<Check>& checks, const Style& style,
                       const Sink& sink);
void write_checks_json(std::string_view title, const std::vector<Check>& checks, const Sink& sink);

}  // namespace leakshim::tools
