// SPDX-License-Identifier: MIT
//
// The sessions that there are: ledgers, and the tombstones of clean runs. Finding one by name, the newest,
// the live one. Opening a ledger file so that neither a fifo nor a device can hold the tool up.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "report.h"

namespace leakshim::tools {

/// A ledger file, open for reading, its header copied and checked. Owns the descriptor.
class LedgerFile {
  public:
    /// Errors (one clear sentence each, for exit status 3): NotFound when there is no such file,
    /// InvalidArgument for anything that is no readable ledger of this layout version.
    static absl::StatusOr<std::unique_ptr<LedgerFile>> open(const std::string& path);
    ~LedgerFile();
    LedgerFile(const LedgerFile&) = delete;
    LedgerFile& operator=(const LedgerFile&) = delete;

    const std::string& path() const { return path_; }
    const ledger::Header& header() const { return *header_; }
    ledger::Source& source() { return source_; }
    u64 modified() const { return modified_; }  ///< ns since the epoch

  private:
    LedgerFile(std::string path, int fd);
    std::string path_;
    int fd_;
    ledger::FileSource source_;
    std::unique_ptr<ledger::Header> header_;
    u64 modified_ = 0;
};

/// Whether the root of the ledger's session still lives. A named session has no root: it lives until it is
/// ended, or its boot is over. `judged` becomes false when that can't be seen from
/// here (it is in another PID namespace): then the session counts as live, and is left alone.
SessionState judge_session(LedgerFile& file, bool& judged);

/// One session in a list.
struct SessionEntry {
    std::string id;
    std::string path;        ///< of the ledger, or of the tombstone
    bool tombstone = false;  ///< a clean run of which no ledger was kept
    std::string problem;     ///< why the ledger can't be read; empty when it can
    std::string name;        ///< of a named session (leakshim-run --session NAME), else empty
    SessionState state = SessionState::ended;
    u64 started = 0;  ///< ns since the epoch; 0: not known
    u64 ended = 0;    ///< ns since the epoch; of a dead session, the last sign of life; 0: not ended
    u64 errors = 0, warnings = 0, notes = 0;  ///< as the session's end counted them
    std::vector<std::string> command;
    // Of a tombstone that says it.
    bool settings_known = false;
    u64 flags = 0;  ///< ledger::session_flag
    u64 ended_by = 0;
    u64 exit_status = 0;
    u64 root_pid = 0;
    std::string cwd;
};

/// All sessions in `directories`, the newest first: live ones by their start, the others by their end.
std::vector<SessionEntry> list_sessions(const std::vector<std::string>& directories);

/// The session called `id`, by id or by name, or the only one whose id begins so. Of several of one name it
/// is the first, so of those in a list the one that still runs, or the newest. An error in one sentence
/// otherwise.
absl::StatusOr<SessionEntry> find_session(const std::vector<SessionEntry>& sessions, std::string_view id);

/// A name for a session that several commands share: 1 to 64 letters, digits, `.`, `_` and `-`, the first of
/// them a letter or a digit. An error says so in one sentence.
absl::Status check_session_name(std::string_view name);

/// The session of this name that still goes on; of several (there should be none) the newest. NotFound in one
/// sentence when there is none. A name whose session has ended, or went with an earlier boot, is free again.
absl::StatusOr<SessionEntry> find_named_session(const std::vector<SessionEntry>& sessions,
                                                std::string_view name);

/// The newest session: the one that ended last, or the newest live one when none has ended. With `live`, the
/// newest live one. NotFound in one sentence when there is none.
absl::StatusOr<SessionEntry> newest_session(const std::vector<SessionEntry>& sessions, bool live);

/// The texts of one of the header's lists.
template <u32 kSize>
std::vector<std::string> texts_of(const ledger::TextList<kSize>& list) {
    std::vector<std::string> texts;
    for (u32 at = 0; at < list.size;) {
        texts.emplace_back(list.text + at);  // read_header() has checked that the last one ends in a NUL
        at += static_cast<u32>(texts.back().size()) + 1;
    }
    return texts;
}

}  // namespace leakshim::tools
