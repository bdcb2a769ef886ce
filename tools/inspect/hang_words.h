// SPDX-License-Identifier: MIT
//
// An explained wait in words, for the text and as sentences in the JSON. Everything from outside is made safe
// for a terminal here.
#pragma once

#include <string>

#include "hang.h"

namespace leakshim::tools {

/// `waits for thread 43 to end (pthread_join)`: what follows the thread's name.
std::string wait_words(const HangProcess& process, const HangThread& thread, const Style& style);

/// `thread 43 "worker"`.
std::string thread_words(const HangThread& thread, const Style& style);

/// `, of test X, made at a.c:12, start routine worker_main`; empty when nothing is known.
std::string thread_origin(const HangThread& thread, const Style& style);

/// `pipe (fd 3): …`: what a thread waits on, and who has the other end.
std::string descriptor_words(const HangProcess& process, const HangDescriptor& descriptor,
                             const Style& style);

/// What can be said of a pipe that a process writes to; empty when there is nothing to say.
std::string output_words(const HangProcess& process, const HangOutput& output, const Style& style);

/// `stopped`, `asleep` …, as /proc/PID/stat has it by a letter.
std::string_view state_words(char state);

/// Names of several processes, some of them when there are many.
std::string parties_words(const std::vector<Party>& parties, const Style& style);

/// The thread that keeps the process: its first one, or the one that is not over.
const HangThread* key_thread(const HangProcess& process);

}  // namespace leakshim::tools
