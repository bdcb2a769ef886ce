// SPDX-License-Identifier: MIT
//
// Runs leakshim-report as a user would, and a ledger through the formats without a process of its own.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "formats.h"

namespace leakshim::test {

struct Ran {
    int status = -1;  ///< exit status; 128 + signal when it was killed
    std::string out, err;
};

/// Runs the tool that $LEAKSHIM_REPORT names, with nothing of this process's environment but PATH, and
/// `environment`. Standard input is empty, standard output and error go to files.
Ran run_tool(const std::vector<std::string>& arguments,
             const std::map<std::string, std::string>& environment = {});

/// The same for sessions in `directory`.
Ran run_tool_in(const std::string& directory, std::vector<std::string> arguments);

/// A ledger as the text, or the JSON, of the tool.
std::string text_of(const std::string& ledger, const tools::Style& style = {});
std::string json_of(const std::string& ledger, const tools::Style& style = {});

/// Puts `bytes` into a file of that name.
void write_file(const std::string& path, std::string_view bytes);
/// All that is in a file.
std::string file_text(const std::string& path);

bool contains(std::string_view text, std::string_view part);

}  // namespace leakshim::test
