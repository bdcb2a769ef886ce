// SPDX-License-Identifier: MIT
//
// Whose is this port, path or process? What the kernel shows now, joined with what all ledgers of the user
// say.
#pragma once

#include <string>
#include <vector>

#include "formats.h"
#include "knowledge.h"

namespace leakshim::tools {

/// What is asked about; exactly one is set.
struct WhoseQuestion {
    int port = 0;
    std::string path;
    int pid = 0;
};

/// One answer: somebody who has the thing now, or a ledger that knows it.
struct Owner {
    std::string what;  ///< `tcp 127.0.0.1:1616`, a path, `process`
    std::string how;   ///< `listens`, `has it open (fd 3)`, `made it` …
    bool now = false;  ///< the kernel shows it at this moment; else it is what a ledger says
    int pid = 0;       ///< 0: not known
    bool alive = false;
    std::vector<std::string> command;
    std::string test, site, state;  ///< of the record; `state` is empty without one
    std::string session, session_state;
    u64 since = 0;  ///< ns since the epoch: when the record or the process began; 0: not known
    Holds holds;    ///< of a process that is asked about
};

struct Whose {
    std::vector<Owner> owners;  ///< those that the kernel shows first, then live sessions
    std::vector<std::string> notes;
};

Whose find_owners(const WhoseQuestion& question, const Knowledge& knowledge);

void write_whose_text(const WhoseQuestion& question, const Whose& whose, const Style& style,
                      const Sink& sink);
void write_whose_json(const WhoseQuestion& question, const Whose& whose, const Style& style,
                      const Sink& sink);

}  // namespace leakshim::tools
