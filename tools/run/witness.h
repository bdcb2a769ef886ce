// SPDX-License-Identifier: MIT
//
// Tells a signal that was sent to leakshim-run alone, and is to be passed on, from one that went to its whole
// process group, and has reached the command already. The kernel does not say which it was: a Ctrl-C looks
// different from a kill(2), but `kill %1` in a shell, `kill 0` in a script and a CI runner's kill(-pgid) look
// just like a kill of this process, and a command that got them twice would end its clean-up halfway.
//
// So there is a second process in the group that does nothing but block all signals: what is pending there
// too went to the group. The kernel signals the members of a group from the youngest to the oldest, so the
// witness has a signal before leakshim-run has it.
//
// It has a second duty. While leakshim-run is stopped, as the job that a shell sees, it watches the command:
// when that was continued or killed by somebody who does not know of leakshim-run, it continues this too.
//
// The witness holds no descriptor but its end of a socket, and ends with leakshim-run, however that ends.
#pragma once

#include <sys/signalfd.h>
#include <sys/types.h>

namespace leakshim::tools {

class Witness {
  public:
    /// Starts it; to be called before the command is started. Without it (no process to be had) every signal
    /// but the terminal's is taken for one to this process alone.
    void start();
    /// Ends it and waits for its end.
    void end();

    /// True when the signal that was read also went to the witness.
    bool saw(const signalfd_siginfo& signal);

    /// This process is about to stop: `command` is to be watched, until unwatch().
    void watch(pid_t command);
    void unwatch() { watch(0); }

    pid_t pid() const { return pid_; }
    /// Its socket, to be kept open; -1 when there is no witness.
    int descriptor() const { return socket_; }
    /// It was seen to be dead.
    void lost();

  private:
    pid_t pid_ = 0;
    int socket_ = -1;
};

}  // namespace leakshim::tools
