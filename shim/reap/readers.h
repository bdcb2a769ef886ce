// SPDX-License-Identifier: MIT
//
// Processes that read what the root writes: a pager, `exec > >(tee log)`, popen(3) with "w" and no pclose.
// They have no chance to end before the root has, whose last words leave its buffers after we are done: to
// end them would lose the run's own output, and give it a SIGPIPE that it would not have got. They are no
// leak before the root is gone; then its guard looks whether they are gone too. Internal to this directory.
#pragma once

#include "reaping.h"

namespace leakshim::reap {

/// In the root, after judge_own() has closed what it may: finds the pipes and fifos that the root can still
/// write to, and who has their other end, with its descendants. Those that are found later are asked one by
/// one.
void find_readers(Reaping& reaping);

/// True when the process can read from one of those pipes.
bool is_reader(Reaping& reaping, int pid);

}  // namespace leakshim::reap
