// SPDX-License-Identifier: MIT
#include "sessions.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "encoding.h"
#include "liveness.h"
#include "text.h"

namespace leakshim::tools {

namespace {

constexpr std::string_view kLedgerSuffix = ".ledger";
constexpr std::string_view kTombstoneSuffix = ".clean";
constexpr size_t kIdSize = 32;
constexpr size_t kMaxName = 64;

/// Larger than any tombstone: what is larger is none.
constexpr size_t kMaxTombstone = 64 * 1024;

absl::Status cannot_read(const std::string& path, std::string_view why) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", terminal_safe(path, true), why));
}

bool is_id(std::string_view text) {
    return text.size() == kIdSize && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

u64 nanoseconds(const struct timespec& time) {
    return static_cast<u64>(time.tv_sec) * kSecond + static_cast<u64>(time.tv_nsec);
}

/// As tombstone.cc writes it: `\n` is a line feed, `\\` a backslash.
std::string argument_from(std::string_view text) {
    std::string argument;
    for (size_t at = 0; at < text.size(); ++at) {
        bool escaped = text[at] == '\\' && at + 1 < text.size();
        if (escaped) ++at;
        argument += escaped && text[at] == 'n' ? '\n' : text[at];
    }
    return argument;
}

/// What the lines of a tombstone say: `ended` and `started` (ns since the epoch), `flags`, `ended-by`,
/// `status` and `pid` as the ledger had them, `name`, `cwd`, `argument` for each of the command; others are
/// left for later versions. An older one has the arguments in one line, `command`, with blanks between them.
void read_tombstone(SessionEntry& entry) {
    std::ifstream file(entry.path, std::ios::binary);
    std::string content(kMaxTombstone, '\0');
    file.read(content.data(), static_cast<std::streamsize>(content.size()));
    content.resize(static_cast<size_t>(file.gcount()));
    for (const std::string& line : split_bytes(content, '\n')) {
        size_t space = std::min(line.find(' '), line.size());
        std::string_view key = std::string_view(line).substr(0, space);
        std::string value = space < line.size() ? line.substr(space + 1) : std::string();
        if (key == "ended") parse_decimal(value, entry.ended);
        if (key == "started") parse_decimal(value, entry.started);
        if (key == "flags") entry.settings_known = parse_decimal(value, entry.flags);
        if (key == "ended-by") parse_decimal(value, entry.ended_by);
        if (key == "status") parse_decimal(value, entry.exit_status);
        if (key == "name") entry.name = value;
        if (key == "pid") parse_decimal(value, entry.root_pid);
        if (key == "cwd") entry.cwd = value;
        if (key == "argument") entry.command.push_back(argument_from(value));
        if (key == "command") entry.command = split_bytes(value, value.find('\0') == value.npos ? ' ' : '\0');
    }
}

void read_ledger(SessionEntry& entry) {
    auto opened = LedgerFile::open(entry.path);
    if (!opened.ok()) {
        entry.problem = std::string(opened.status().message());
        // It may well be the newest: then the user is told so, rather than shown an older one.
        struct stat st {};
        if (lstat(entry.path.c_str(), &st) == 0) entry.ended = nanoseconds(st.st_mtim);
        return;
    }
    LedgerFile& file = **opened;
    const ledger::Header& header = file.header();
    bool judged = true;
    entry.state = judge_session(file, judged);
    entry.started = header.created_realtime;
    if (entry.state == SessionState::ended)
        entry.ended = header.ended_realtime.load(std::memory_order_relaxed);
    // Nobody wrote down when it died; a write through a mapping leaves its time with the file, sooner or
    // later.
    if (entry.state == SessionState::dead) entry.ended = std::max(file.modified(), entry.started);
    entry.errors = header.errors.load(std::memory_order_relaxed);
    entry.warnings = header.warnings.load(std::memory_order_relaxed);
    entry.notes = header.notes.load(std::memory_order_relaxed);
    entry.command = texts_of(header.command);
    if ((header.flags & ledger::session_flag::kNamed) != 0 && header.name.size != 0)
        entry.name = header.name.text;
}

void list_directory(const std::string& directory, std::vector<SessionEntry>& to) {
    std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(directory.c_str()), closedir);
    if (open == nullptr) return;
    while (const dirent* file = readdir(open.get())) {
        std::string_view name = file->d_name;
        SessionEntry entry;
        entry.tombstone = name.ends_with(kTombstoneSuffix);
        if (!entry.tombstone && !name.ends_with(kLedgerSuffix)) continue;
        name.remove_suffix(entry.tombstone ? kTombstoneSuffix.size() : kLedgerSuffix.size());
        if (!is_id(name)) continue;
        entry.id = name;
        entry.path = fmt::format("{}/{}", directory, file->d_name);
        if (entry.tombstone)
            read_tombstone(entry);
        else
            read_ledger(entry);
        to.push_back(std::move(entry));
    }
}

/// A session that ended, a dead one too, comes before a live one; of two, the one that ended or started last.
u64 sign_of_life(const SessionEntry& entry) {
    return entry.state == SessionState::live ? entry.started : entry.ended;
}

}  // namespace

LedgerFile::LedgerFile(std::string path, int fd)
    : path_(std::move(path)), fd_(fd), source_(fd), header_(std::make_unique<ledger::Header>()) {}

LedgerFile::~LedgerFile() {
    close(fd_);
}

absl::StatusOr<std::unique_ptr<LedgerFile>> LedgerFile::open(const std::string& path) {
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return cannot_read(path, fmt::format("the ledger can't be opened: {}", strerror(errno)));
    std::unique_ptr<LedgerFile> file(new LedgerFile(path, fd));
    struct stat st {};
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return cannot_read(path,
                           "this is no regular file, so it is no ledger; leakshim-report --list shows what "
                           "can be named with --session");
    }
    file->modified_ = nanoseconds(st.st_mtim);
    ledger::Verdict verdict = ledger::read_header(file->source_, *file->header_);
    // A file shorter than a ledger's first bytes: it could be read, and was none.
    if (verdict == ledger::Verdict::unreadable) verdict = ledger::Verdict::not_a_ledger;
    if (verdict == ledger::Verdict::foreign_version) {
        u32 version = 0;
        file->source_.read(offsetof(ledger::Header, layout_version), &version, sizeof version);
        return cannot_read(
            path, fmt::format("the ledger has layout version {}, and this tool reads version {}; use "
                              "the leakshim-report of the leakshim that wrote it",
                              version, ledger::kLayoutVersion));
    }
    if (verdict != ledger::Verdict::ok) return cannot_read(path, ledger::verdict_text(verdict));
    return file;
}

SessionState judge_session(LedgerFile& file, bool& judged) {
    reap::Kernel kernel;
    reap::Liveness liveness = reap::judge_liveness(kernel, file.source(), file.header());
    judged = liveness != reap::Liveness::elsewhere;
    if (liveness == reap::Liveness::ended) return SessionState::ended;
    return liveness == reap::Liveness::dead ? SessionState::dead : SessionState::live;
}

std::vector<SessionEntry> list_sessions(const std::vector<std::string>& directories) {
    std::vector<SessionEntry> sessions;
    for (const std::string& directory : directories)
        list_directory(directory, sessions);
    std::stable_sort(sessions.begin(), sessions.end(), [](const SessionEntry& a, const SessionEntry& b) {
        bool a_lives = a.state == SessionState::live, b_lives = b.state == SessionState::live;
        if (a_lives != b_lives) return a_lives;
        return sign_of_life(a) > sign_of_life(b);
    });
    return sessions;
}

absl::StatusOr<SessionEntry> find_session(const std::vector<SessionEntry>& sessions, std::string_view id) {
    const SessionEntry *found = nullptr, *named = nullptr;
    for (const SessionEntry& session : sessions) {
        if (session.id == id) return session;
        if (named == nullptr && !id.empty() && session.name == id) named = &session;
    }
    if (named != nullptr) return *named;
    for (const SessionEntry& session : sessions) {
        if (!std::string_view(session.id).starts_with(id)) continue;
        if (found != nullptr) {
            return absl::InvalidArgumentError(
                fmt::format("more than one session begins with {}; leakshim-report --list shows them in full",
                            terminal_safe(id, true)));
        }
        found = &session;
    }
    if (found != nullptr) return *found;
    return absl::NotFoundError(fmt::format(
        "there is no session {}; leakshim-report --list shows those there are", terminal_safe(id, true)));
}

absl::Status check_session_name(std::string_view name) {
    constexpr std::string_view kAllowed = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-";
    bool good = !name.empty() && name.size() <= kMaxName &&
                name.find_first_not_of(kAllowed) == std::string_view::npos &&
                std::string_view("._-").find(name.front()) == std::string_view::npos;
    if (good) return absl::OkStatus();
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" can't name a session: a name has 1 to {} letters, digits, dots, underscores and "
                    "hyphens, and begins with a letter or a digit",
                    terminal_safe(name.substr(0, 2 * kMaxName), true), kMaxName));
}

absl::StatusOr<SessionEntry> find_named_session(const std::vector<SessionEntry>& sessions,
                                                std::string_view name) {
    const SessionEntry* found = nullptr;
    for (const SessionEntry& session : sessions) {
        if (session.name != name || session.state != SessionState::live) continue;
        if (found == nullptr || session.started > found->started) found = &session;
    }
    if (found != nullptr) return *found;
    return absl::NotFoundError(
        fmt::format("no session named {} goes on; leakshim-report --list shows those there are",
                    terminal_safe(name, true)));
}

absl::StatusOr<SessionEntry> newest_session(const std::vector<SessionEntry>& sessions, bool live) {
    const SessionEntry* running = nullptr;
    for (const SessionEntry& session : sessions) {
        if (session.state == SessionState::live) {
            if (session.problem.empty() && running == nullptr) running = &session;
        } else if (!live) {
            return session;
        }
    }
    if (running != nullptr) return *running;
    return absl::NotFoundError(
        live ? "no session is running; without --live the one that ended last is shown"
             : "there is no session yet; run something with LD_PRELOAD=libleakshim.so first");
}

}  // namespace leakshim::tools
