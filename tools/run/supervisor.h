// SPDX-License-Identifier: MIT
//
// Waits for the command: passes signals on, stops and goes on with it, collects orphans as they die, ends it
// when its time is over. One thread, one poll(2), nothing that blocks but that.
#pragma once

#include <sys/signalfd.h>
#include <sys/types.h>

#include "hang_watch.h"
#include "options.h"
#include "orphans.h"
#include "witness.h"

namespace leakshim::tools {

/// How the command ended.
struct CommandEnd {
    int status = 0;          ///< exit status, 0 when it was ended by a signal
    int signal = 0;          ///< the signal that ended it, 0 when none did
    bool timed_out = false;  ///< its time was over
    int asked_with = 0;      ///< then: the last signal that it was sent for that
};

class Supervisor {
  public:
    /// `signals` comes from open_signals(). `orphans` may be null. `timeout` in ns, 0 for none; its ladder
    /// takes `polite` and `term` of the options.
    Supervisor(pid_t command, int signals, Witness& witness, Orphans* orphans, HangWatch& hang,
               const Options& options, u64 timeout);

    CommandEnd wait();

  private:
    void read_signals();
    void pass_on(const signalfd_siginfo& signal);
    bool reached_command(const signalfd_siginfo& signal);
    bool went_to_group(const signalfd_siginfo& signal);
    void send(const signalfd_siginfo& signal);
    bool collect();
    void stop_too(int signal);
    void climb();
    void ask(int signal, u64 patience);
    int time_left() const;

    const pid_t command_;
    const int signals_;
    Witness& witness_;
    Orphans* const orphans_;
    HangWatch& hang_;
    const Options& options_;
    /// A signal to the group came twice before the witness was asked: it has the two as one.
    struct Merged {
        bool due = false;
        u32 sender = 0;
    };
    Merged merged_[32];
    bool stop_key_ = false;  ///< SIGTSTP came since the command last went on
    u64 next_step_ = 0;      ///< boottime of the next rung, 0 for none
    int rung_ = 0;
    CommandEnd end_;
};

}  // namespace leakshim::tools
