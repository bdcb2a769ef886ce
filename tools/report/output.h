// SPDX-License-Identifier: MIT
//
// Where a report goes: standard output, or a file that is there whole or not at all.
#pragma once

#include <absl/status/status.h>

#include <cstdio>
#include <string>
#include <string_view>

namespace leakshim::tools {

/// A file is written beside its name and put in its place by finish(), so that whoever reads it never sees
/// half a report, and an older one stays when something goes wrong. A name that is no regular file (a fifo,
/// /dev/stdout) is written to as it is: it must not be replaced. A link is followed.
class Output {
  public:
    Output() = default;
    ~Output();
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    /// `path`: empty for standard output. One sentence when it can't be written to.
    absl::Status open(const std::string& path);
    void write(std::string_view text);
    /// One sentence when not all of it could be written; the file is as it was then.
    absl::Status finish();

  private:
    absl::Status open_beside();

    std::FILE* file_ = stdout;
    std::string path_;       ///< empty: standard output
    std::string temporary_;  ///< to be renamed to `path_`; empty: written in place
};

}  // namespace leakshim::tools
