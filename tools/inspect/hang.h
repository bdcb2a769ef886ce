// SPDX-License-Identifier: MIT
//
// Why a process does not end: which of its threads waits for what, who could end that wait, and which test
// made him; then the same for those that it waits for.
//
// Built on what the kernel shows at this moment; the ledgers add the names of tests and threads, and where
// something was made. Works without any ledger. What could not be seen is said.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "formats.h"
#include "knowledge.h"
#include "open_files.h"
#include "wait.h"

namespace leakshim::tools {

/// A process that an explanation names.
struct Party {
    int pid = 0;
    int fd = -1;  ///< the descriptor by which it has a part in this, -1 when it is not by one
    char state = '?';
    std::string name;                  ///< comm
    std::vector<std::string> command;  ///< empty when it can't be read
    std::string test;
    std::string session;  ///< id of the session that it belongs to; empty when it is in none
};

/// A descriptor that a thread waits on, and who has the other end.
struct HangDescriptor {
    WaitedDescriptor waited;
    std::optional<OpenFile> file;  ///< nothing when it can't be looked at
    SocketFacts socket;
    bool has_other_end = false;  ///< it is of a kind that has one
    std::vector<Party> others;   ///< who has the other end, the waiting process itself among them
};

struct HangThread {
    int tid = 0;
    char state = '?';
    bool first = false;
    std::string name;
    std::string test, site, routine;  ///< from the ledger; empty when it does not know the thread
    Wait wait;
    std::vector<Party> children;  ///< of `child`, `vfork` and `signal`: the living ones that it may wait for
    std::vector<HangDescriptor> descriptors;
};

/// A pipe that a process holds the write end of, and that others have as well.
struct HangOutput {
    std::vector<int> fds;  ///< 1 and 2 are its standard output and error
    OpenFile file;
    std::vector<Party> writers;  ///< but the process itself
    std::vector<Party> readers;
};

enum class HangRole { asked, waited_for, survivor };

struct HangProcess {
    Party who;
    HangRole role = HangRole::asked;
    int waiter = 0;       ///< of `waited_for`: whose wait led here
    bool hidden = false;  ///< its threads' system calls may not be seen
    std::vector<HangThread> threads;
    std::vector<HangOutput> outputs;
};

struct Hang {
    int pid = 0;          ///< who was asked for
    int runner = 0;       ///< the leakshim-run around it, 0 for none
    bool ended = false;   ///< it has ended: what is explained is who survives it
    std::string session;  ///< id; empty when no ledger knows it
    std::string ledger;   ///< path
    std::vector<HangProcess> processes;
    std::vector<std::string> unseen;  ///< what could not be read, a sentence each
    bool more = false;                ///< more processes wait for each other than are shown

    const HangProcess* find(int pid) const;
};

/// Explains process `pid`. Nothing when there is none, and no session had it as its root.
std::optional<Hang> explain_hang(int pid, const Knowledge& knowledge);

/// What it comes to, in one sentence without a full stop.
std::string hang_summary(const Hang& hang, const Style& style);

void write_hang_text(const Hang& hang, const Style& style, const Sink& sink);
void write_hang_json(const Hang& hang, const Style& style, const Sink& sink);

/// `sleep 1000 (pid 42)`.
std::string party_words(const Party& party, const Style& style);

}  // namespace leakshim::tools
