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
#include <map>

#include "encoding.h"
#include "ledger_dirs.h"
#include "load.h"
#include "sys.h"
#include "times.h"

namespace leakshim::tools {

namespace {

constexpr int kPause = 1000;  // ms
constexpr size_t kMostTests = 12;
constexpr std::string_view kHome = "\033[H", kClearLine = "\033[K\n", kClearRest = "\033[J";
constexpr std::string_view kHide = "\033[?25l\033[2J", kShow = "\033[?25h";

struct Row {
    size_t count = 0;
    u64 oldest = ~u64{0}, newest = 0;

    void add(u64 born) {
        ++count;
        oldest = std::min(oldest, born);
        newest = std::max(newest, born);
    }
};

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

std::string watch_table(const Report& report, u64 now_boot, const Style& style) {
    std::map<std::string_view, Row> kinds, tests;
    for (const Item& item : report.items) {
        kinds[kind_title_of(item)].add(item.born);
        tests[policy::test_name(report.test_of(item))].add(item.born);
    }
    std::vector<std::string> command = report.session.command;
    if (style.redact) command = redact_command(std::move(command));
    std::string table = fmt::format(
        "session {} ({}), {}\n{}\n\n", report.session.id, session_state_name(report.session.state),
        age(now_boot, report.session.started_boot), join_command(command, style.unicode));
    table += fmt::format("{:>8}  {:>8}  {:>8}  {}\n", "COUNT", "NEWEST", "OLDEST", "KIND");
    for (const auto& [title, row] : kinds)
        table += fmt::format("{:>8}  {:>8}  {:>8}  {}\n", row.count, age(now_boot, row.newest),
                             age(now_boot, row.oldest), title);
    std::vector<std::pair<std::string_view, Row>> busiest(tests.begin(), tests.end());
    std::stable_sort(busiest.begin(), busiest.end(),
                     [](const auto& a, const auto& b) { return a.second.count > b.second.count; });
    table += fmt::format("\n{:>8}  {:>8}  {:>8}  {}\n", "COUNT", "NEWEST", "OLDEST", "TEST");
    for (size_t i = 0; i < busiest.size() && i < kMostTests; ++i) {
        const auto& [test, row] = busiest[i];
        table += fmt::format("{:>8}  {:>8}  {:>8}  {}\n", row.count, age(now_boot, row.newest),
                             age(now_boot, row.oldest),
                             test.empty() ? "outside of any test" : terminal_safe(test, style.unicode));
    }
    if (busiest.size() > kMostTests) table += fmt::format("and {} more tests\n", busiest.size() - kMostTests);
    return table;
}

int watch(const std::string& session, const Style& style) {
    auto path = ledger_to_watch(session);
    if (!path.ok()) {
        fmt::print(stderr, "leakshim-report: {}\n", std::string(path.status().message()));
        return 2;
    }
    struct pollfd stop = {interruptions(), POLLIN, 0};
    Screen screen(isatty(STDOUT_FILENO) == 1);
    for (;;) {
        auto file = LedgerFile::open(*path);
        // A run that left nothing takes its ledger with it.
        if (!file.ok()) break;
        Report report = load_report(**file);
        screen.draw(watch_table(report, sys::boottime(), style));
        if (report.session.state != SessionState::live || poll(&stop, 1, kPause) > 0) return 0;
    }
    put("the session has ended\n");
    return 0;
}

}  // namespace leakshim::tools
