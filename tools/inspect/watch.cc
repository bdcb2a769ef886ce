// SPDX-License-Identifier: MIT
#include "watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "encoding.h"
#include "ledger_dirs.h"
#include "record_json.h"
#include "report_json.h"
#include "sys.h"
#include "times.h"

namespace leakshim::tools {

namespace {

using Json = nlohmann::ordered_json;

constexpr u64 kPause = kSecond;
constexpr u64 kPauseForEachLook = 9;  // times as long as the look took
constexpr size_t kMostTestsInALine = 100;
constexpr size_t kMostTests = 12;
constexpr std::string_view kHome = "\033[H", kClearLine = "\033[K\n", kClearRest = "\033[J";
constexpr std::string_view kHide = "\033[?25l\033[2J", kShow = "\033[?25h";

std::string age(u64 now, u64 born) {
    return now > born ? short_span(now - born) : std::string("0s");
}

void put(std::string_view text) {
    while (!text.empty()) {
        ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
        if (written <= 0) return;
        text.remove_prefix(static_cast<size_t>(written));
    }
}

/// Hides the cursor, and brings it back whatever happens.
class Screen {
  public:
    explicit Screen(bool terminal) : terminal_(terminal) {
        if (terminal_) put(kHide);
    }
    ~Screen() {
        if (terminal_) put(kShow);
    }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    void draw(const std::string& table) {
        if (!terminal_) return put(table + "\n");
        struct winsize size {};
        size_t rows = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 ? size.ws_row - 1u : 23;
        std::string frame(kHome);
        for (const std::string& line : split_bytes(table, '\n')) {
            if (rows-- == 0) break;
            std::string shown = size.ws_col > 0 ? cut_to(line, size.ws_col, true) : line;
            frame += shown + std::string(kClearLine);
        }
        put(frame + std::string(kClearRest));
    }

  private:
    bool terminal_;
};

/// A descriptor that tells of Ctrl-C and its like, so that the screen is put in order before the end.
int interruptions() {
    sigset_t set;
    sigemptyset(&set);
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE})
        sigaddset(&set, signal);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

absl::StatusOr<std::string> ledger_to_watch(const std::string& session) {
    const char* wanted = std::getenv("LEAKSHIM_DIR");
    auto directories = find_ledger_directories(wanted != nullptr ? wanted : "");
    if (!directories.ok()) return directories.status();
    std::vector<SessionEntry> sessions = list_sessions(*directories);
    auto entry = session.empty() ? newest_session(sessions, true) : find_session(sessions, session);
    if (!entry.ok()) return entry.status();
    return entry->path;
}

}  // namespace

std::string watch_table(const Snapshot& snapshot, u64 now_boot, const Style& style) {
    std::vector<std::string> command = snapshot.command;
    if (style.redact) command = redact_command(std::move(command));
    std::string table = fmt::format("session {} ({}), {}\n{}\n\n", terminal_safe(snapshot.id, style.unicode),
                                    session_state_name(snapshot.state), age(now_boot, snapshot.started_boot),
                                    join_command(command, style.unicode));
    auto add = [&](const Tally& tally, std::string_view name) {
        table += fmt::format("{:>8}  {:>8}  {:>8}  {}\n", tally.count, age(now_boot, tally.newest),
                             age(now_boot, tally.oldest), name);
    };
    table += fmt::format("{:>8}  {:>8}  {:>8}  {}\n", "COUNT", "NEWEST", "OLDEST", "KIND");
    for (const Snapshot::OfKind& kind : snapshot.kinds)
        add(kind.tally, kind.title);
    table += fmt::format("\n{:>8}  {:>8}  {:>8}  {}\n", "COUNT", "NEWEST", "OLDEST", "TEST");
    size_t shown = std::min(snapshot.tests.size(), kMostTests);
    for (size_t i = 0; i < shown; ++i) {
        const std::string& name = snapshot.tests[i].name;
        add(snapshot.tests[i].tally,
            name.empty() ? "outside of any test" : terminal_safe(name, style.unicode));
    }
    if (size_t more = snapshot.tests.size() - shown; more != 0)
        table += fmt::format("and {} more tests\n", more);
    return table;
}

std::string watch_line(const Snapshot& snapshot, u64 now, const Style& style) {
    auto time_of = [&](u64 boot) { return iso_time(snapshot.started + (boot - snapshot.started_boot)); };
    auto tally_json = [&](Json json, const Tally& tally) {
        json["count"] = tally.count;
        json["oldest"] = time_of(tally.oldest);
        json["newest"] = time_of(tally.newest);
        return json;
    };
    Json line = {{"schema", "leakshim.watch/1"}, {"time", iso_time(now)}};
    line["session"] = {
        {"id", to_utf8(snapshot.id)},
        {"state", session_state_name(snapshot.state)},
        {"started", iso_time(snapshot.started)},
        {"command", command_json(style.redact ? redact_command(snapshot.command) : snapshot.command)}};
    line["total"] = snapshot.total;
    line["kinds"] = Json::array();
    for (const Snapshot::OfKind& kind : snapshot.kinds)
        line["kinds"].push_back(tally_json({{"kind", kind.name}}, kind.tally));
    line["tests"] = Json::array();
    size_t shown = std::min(snapshot.tests.size(), kMostTestsInALine);
    for (size_t i = 0; i < shown; ++i) {
        const std::string& name = snapshot.tests[i].name;
        line["tests"].push_back(
            tally_json({{"test", name.empty() ? Json() : Json(to_utf8(name))}}, snapshot.tests[i].tally));
    }
    line["other_tests"] = snapshot.tests.size() - shown;
    return dumped(line);
}

int watch(const std::string& session, bool lines, const Style& style) {
    auto path = ledger_to_watch(session);
    if (!path.ok()) {
        fmt::print(stderr, "leakshim-report: {}\n", std::string(path.status().message()));
        return 2;
    }
    struct pollfd stop = {interruptions(), POLLIN, 0};
    Screen screen(!lines && isatty(STDOUT_FILENO) == 1);
    Snapshot last;
    for (;;) {
        u64 began = sys::boottime();
        auto file = LedgerFile::open(*path);
        // A run that left nothing takes its ledger with it.
        if (!file.ok()) break;
        last = take_snapshot(**file);
        if (lines)
            put(watch_line(last, sys::clock(CLOCK_REALTIME), style) + "\n");
        else
            screen.draw(watch_table(last, sys::boottime(), style));
        if (last.state != SessionState::live) return 0;
        u64 pause = std::max<u64>(kPause, (sys::boottime() - began) * kPauseForEachLook);
        if (poll(&stop, 1, static_cast<int>(std::min<u64>(pause / kMillisecond, 60'000))) > 0) return 0;
    }
    if (!lines) return put("the session has ended\n"), 0;
    last.state = SessionState::ended;
    last.total = 0, last.kinds.clear(), last.tests.clear();
    put(watch_line(last, sys::clock(CLOCK_REALTIME), style) + "\n");
    return 0;
}

}  // namespace leakshim::tools
