// SPDX-License-Identifier: MIT
//
// One session as the formats see it: everything decoded, judged and joined, nothing left to look up. Formats
// only choose words and layout.
//
// About 130 bytes a reported record and its text, so that a million records fit into memory at ease; texts
// lie in one arena and live as long as the Report.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kinds.h"
#include "policy.h"
#include "process_facts.h"
#include "reader.h"
#include "redact.h"
#include "symbolizer.h"
#include "tree_size.h"

namespace leakshim::tools {

enum class SessionState : u8 { live, ended, dead };
std::string_view session_state_name(SessionState state);

/// Texts that stay where they are put.
class Arena {
  public:
    std::string_view keep(std::string_view text);

  private:
    static constexpr size_t kBlock = 1 << 18;
    std::vector<std::unique_ptr<char[]>> blocks_;
    char* next_ = nullptr;
    size_t room_ = 0;
};

inline constexpr u32 kNone = std::numeric_limits<u32>::max();

/// One reported record. What a, b, c, d and `number` mean by kind is said in layout.h.
struct Item {
    ledger::Handle handle = 0;
    u32 generation = 0;
    u64 born = 0;  ///< CLOCK_BOOTTIME ns
    u64 a = 0, b = 0, c = 0, d = 0;
    std::string_view text;       ///< path, name of an IPC object; a process has its command line in Process
    ledger::Handle scope = 0;    ///< key of Report::scopes; 0 for none
    ledger::Handle site = 0;     ///< key of Report::scopes; 0 where nobody said where it was made
    ledger::Handle stack = 0;    ///< key of Report::stacks; 0 where no stack was recorded
    ledger::Handle routine = 0;  ///< of a thread, the same for its start routine
    u32 process = kNone;         ///< index in Report::processes: who made it; of a process, itself
    u32 inside = kNone;          ///< index in Report::items: the temporary tree that a path lies in
    i32 number = 0;
    ledger::Kind kind = ledger::Kind::none;
    ledger::State state = ledger::State::free;
    ledger::Outcome outcome = ledger::Outcome::none;
    policy::Degree degree = policy::Degree::note;  ///< never `none`
    policy::Degree known = policy::Degree::none;   ///< in the baseline: the degree that it would have
    u8 flags = 0;
};

/// A process of the session, reported itself or only as the maker of something.
struct Process {
    ledger::Handle handle = 0;
    int pid = 0;
    int ppid = 0;
    u32 parent = kNone;  ///< index in Report::processes
    u32 item = kNone;    ///< index in Report::items when it is reported itself
    ledger::State state = ledger::State::free;
    bool alive =
        false;  ///< seen alive when the report was made (asked only of those that the ledger calls live)
    std::string_view command;  ///< NUL between the arguments
    ProcessIdentity identity;
};

/// How many records there are of each degree and state.
struct Summary {
    u64 errors = 0, warnings = 0, notes = 0;
    u64 reaped = 0, kept = 0, failed = 0, leaked = 0, live = 0, unresolved = 0;
    u64 known = 0;  ///< of the notes, those that would be errors or warnings but for a baseline
};

struct Session {
    std::string id;
    std::string name;    ///< of a named session (leakshim-run --session NAME), else empty
    std::string ledger;  ///< path of the ledger file; empty when a clean run left none
    SessionState state = SessionState::live;
    bool judged = true;    ///< false: it can't be seen from here whether the root lives, and it was taken to
    u32 flags = 0;         ///< ledger::session_flag
    u64 started = 0;       ///< ns since the epoch; 0 when not known
    u64 started_boot = 0;  ///< the same moment on CLOCK_BOOTTIME
    u64 ended = 0;         ///< ns since the epoch; 0 when not known
    ledger::EndedBy ended_by = ledger::EndedBy::unknown;
    ledger::Guard guard = ledger::Guard::unknown;
    int root_pid = 0;
    std::vector<std::string> command;
    std::string cwd;
    int exit_status = -1;  ///< -1: not known
    std::string boot_id;
    u32 layout_version = ledger::kLayoutVersion;
    std::string options;         ///< LEAKSHIM_OPTIONS as it was in force
    std::string rules;           ///< path of LEAKSHIM_RULES; empty for none
    bool tombstone = false;      ///< a clean run of which only the end is known
    bool settings_known = true;  ///< false: of an old tombstone, `flags` and what follows from them
};

/// What came of one rule (rules.h).
struct RuleHits {
    std::string file;  ///< empty for a built-in one
    std::string text;  ///< without its reason
    std::string reason;
    u64 hits = 0;
    u64 missed = 0;  ///< hits that it had not, because it had expired or reached its maximum
    u32 line = 0;    ///< in its file, from 1
    u32 until = 0;   ///< 20261231 for 2026-12-31; 0: for ever
    bool expired = false;
    bool full = false;  ///< it has reached its maximum
    bool builtin = false;
    bool bad = false;  ///< it makes no sense
};

struct Report {
    Session session;
    Summary summary;
    std::vector<Item> items;
    std::vector<Process> processes;
    absl::flat_hash_map<ledger::Handle, std::string_view> scopes;  ///< names of tests, and places in sources
    absl::flat_hash_map<ledger::Handle, std::vector<SourceFrame>>
        stacks;                                ///< by Item::stack, innermost first
    absl::flat_hash_map<u32, Holds> holds;     ///< by index in `processes`, of processes that are reported
    absl::flat_hash_map<u32, TreeSize> sizes;  ///< by index in `items`, of paths that are still there
    u64 counters[ledger::kCounters] = {};
    u32 broken_chunks = 0;
    std::vector<RuleHits> rules;  ///< in the order in which they are asked
    Arena arena;

    u64 counter(ledger::Counter which) const { return counters[static_cast<u32>(which)]; }
    const Process* process_of(const Item& item) const {
        return item.process == kNone ? nullptr : &processes[item.process];
    }
    /// The test, empty when there is none.
    std::string_view test_of(const Item& item) const { return text_of(item.scope); }
    /// "file:line", empty when nobody said.
    std::string_view site_of(const Item& item) const { return text_of(item.site); }
    /// The calls by which it was made; nullptr when they were not recorded.
    const std::vector<SourceFrame>* stack_of(const Item& item) const {
        auto stack = stacks.find(item.stack);
        return stack == stacks.end() ? nullptr : &stack->second;
    }

    /// What a thread runs; nullptr when only an address is known.
    const SourceFrame* routine_of(const Item& item) const {
        auto routine = stacks.find(item.routine);
        return routine == stacks.end() || routine->second.empty() ? nullptr : &routine->second.front();
    }

  private:
    std::string_view text_of(ledger::Handle handle) const {
        auto text = scopes.find(handle);
        return text == scopes.end() ? std::string_view() : text->second;
    }
};

/// How many sessions there are in each state.
struct Census {
    u64 counts[3] = {};
    u64& of(SessionState state) { return counts[static_cast<size_t>(state)]; }
};

/// What is shown as one: a session each, nearly always a single one.
struct Reports {
    std::vector<Report> all;
    std::string baseline;          ///< file that says what is known; empty for none
    std::optional<Census> census;  ///< of the directories that were looked into; none when files were named

    u64 errors() const {
        u64 errors = 0;
        for (const Report& report : all)
            errors += report.summary.errors;
        return errors;
    }
};

/// What all of them say together, without records: sums, the first start and the last end. A field in which
/// they differ is as if it were not known.
Report sum_of(const Reports& reports);

/// The kind as rules and JSON know it: `listening_port` for a socket that holds a port.
std::string_view kind_name_of(const Item& item);
/// The same for people.
std::string_view kind_title_of(const Item& item);
/// An internet socket that listens, or a datagram socket bound to a port.
bool holds_port(const Item& item);

/// The socket that a record of a descriptor describes.
SocketFacts socket_of(const Item& item);

/// The command line as a list; secrets are hidden unless `redact` is false. Empty when it is not known.
std::vector<std::string> command_of(const Process& process, bool redact);

/// The name of a thread; empty when it has none.
std::string thread_name_of(const Item& item);

}  // namespace leakshim::tools
