// SPDX-License-Identifier: MIT
//
// Takes secrets out of command lines, since reports become artifacts of CI systems that half a company can
// read.
//
// It knows secrets by the names next to them (`--password=…`, `API_TOKEN=…`, `Authorization: …`, `?sig=…`)
// and by their place (`://user:password@host`). What it can't know, such as `mysql -phunter2`, stays: this is
// a net, not a wall, and the manual page says so. It would rather take too much than too little.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leakshim::tools {

/// Stands out, and needs no quotes in a shell.
inline constexpr std::string_view kRedacted = "_REDACTED_";

/// `argument` with the secrets inside it replaced by kRedacted; any bytes.
std::string redact_text(std::string_view argument);

/// A whole command line: also hides the argument that follows an option like `--password`.
std::vector<std::string> redact_command(std::vector<std::string> arguments);

/// True for `password`, `GITHUB_TOKEN`, `api-key`, `aws_secret_access_key` …
bool is_secret_name(std::string_view name);

}  // namespace leakshim::tools
