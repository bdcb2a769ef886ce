// SPDX-License-Identifier: MIT
#include "observed.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "encoding.h"
#include "sys.h"
#include "text.h"
#include "times.h"

namespace leakshim::tools {

absl::StatusOr<u64> moment_of(const std::string& since) {
    u64 span = 0;
    if (since.empty()) return u64{0};
    u64 now = sys::clock(CLOCK_REALTIME);
    if (parse_duration(since, span)) return now - std::min(span, now);
    struct stat st {};
    if (stat(since.c_str(), &st) == 0)
        return static_cast<u64>(st.st_mtim.tv_sec) * kSecond + static_cast<u64>(st.st_mtim.tv_nsec);
    return absl::InvalidArgumentError(fmt::format(
        "--since {}: give a time with its unit, such as 10m, or a file that was made before the run",
        terminal_safe(since, true)));
}

absl::Status check_observed(const std::vector<SessionEntry>& sessions, u64 moment) {
    u64 newest = 0;
    for (const SessionEntry& session : sessions) {
        bool live = session.state == SessionState::live && session.problem.empty();
        u64 seen = live ? sys::clock(CLOCK_REALTIME) : std::max(session.started, session.ended);
        newest = std::max(newest, seen);
    }
    if (newest != 0 && newest >= moment) return absl::OkStatus();
    std::string found = newest == 0 ? "there is no session at all"
                                    : fmt::format("the newest session is of {}", local_time(newest));
    return absl::NotFoundError(
        fmt::format("the run was not observed: {}; leakshim-report --doctor -- COMMAND says whether the "
                    "library can be loaded "
                    "into a command",
                    found));
}

}  // namespace leakshim::tools
