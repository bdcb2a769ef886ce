// SPDX-License-Identifier: MIT
//
// One run of leakshim-run, from its session's first record to the status that it ends with.
//
// Guarantees: the command finds what it would have found without us, but for the variables in environment.h;
// whatever it leaves behind is reaped through the one reaper, with what no hook has seen: orphans come to us,
// since this process is their subreaper. Must never: wait for anything but the command and, bounded, the end
// of its session.
#pragma once

#include "arguments.h"
#include "cgroup.h"
#include "command.h"
#include "environment.h"
#include "supervisor.h"
#include "tool.h"

namespace leakshim::tools {

class Run {
  public:
    Run(const RunArguments& arguments, char** argv);

    /// Runs the command and ends the session. What this process shall exit with; it does not come back where
    /// the command was ended by a signal.
    int run();

  private:
    bool prepare();
    void make_cgroup();
    bool make_private_directory();
    bool start_session();
    bool start_in_named_session(session::ToolStart& start, TextBuffer& complaints);
    pid_t start();
    int not_started(int error);
    int finish(const CommandEnd& end);
    void end_session(int& status, ledger::EndedBy how = ledger::EndedBy::exit);
    void end_cgroup();
    bool in_session() const;
    int fail(std::string_view why) const;

    const RunArguments& arguments_;
    std::string tool_command_;
    SignalState signals_;
    Environment environment_;  ///< of the command
    std::string library_;
    std::string private_directory_;
    bool childless_ = true;  ///< as we were started
    bool exempt_ = false;    ///< LEAKSHIM=off or LEAKSHIM_KEEP=1: no session
    Witness witness_;
    Cgroup cgroup_;
};

}  // namespace leakshim::tools
