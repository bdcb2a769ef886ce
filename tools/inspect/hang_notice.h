// SPDX-License-Identifier: MIT
//
// What a run that does not end says of itself (the option hang=DURATION): the explanation, in its own
// standard error or beside its ledger. The guard starts leakshim-report for it; leakshim-run does it itself
// where there is no guard.
//
// Guarantees: what the run writes is never overwritten or mixed up within a line, its descriptors keep their
// offsets, and a reader that takes nothing is given up after a second.
#pragma once

#include <string>

namespace leakshim::tools {

/// `waited`: for how long nothing has gone on. Explains the root of the session whose ledger this is. Its
/// standard error is used when it still is the file that it was at load and can be written to; else
/// `<id>.hang` beside the ledger. The exit status: 0 when it was said, 3 when the ledger can't be read, 4
/// when it could not be said.
int give_notice(const std::string& ledger, const std::string& waited);

/// The same for a caller that knows who hangs and where to say it: `pid` for itself, `fd` -1 for the file.
int give_notice(const std::string& ledger, const std::string& waited, int pid, int fd);

}  // namespace leakshim::tools
