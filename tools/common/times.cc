// SPDX-License-Identifier: MIT
#include "times.h"

#include <absl/time/time.h>
#include <fmt/format.h>

#include <algorithm>

namespace leakshim::tools {

namespace {

absl::Time time_of(u64 realtime_ns) {
    constexpr u64 kLargest = static_cast<u64>(INT64_MAX);
    return absl::FromUnixNanos(static_cast<i64>(std::min(realtime_ns, kLargest)));
}

}  // namespace

std::string iso_time(u64 realtime_ns) {
    return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E6SZ", time_of(realtime_ns), absl::UTCTimeZone());
}

std::string local_time(u64 realtime_ns) {
    return absl::FormatTime("%Y-%m-%d %H:%M:%S", time_of(realtime_ns), absl::LocalTimeZone());
}

std::string short_span(u64 ns) {
    u64 seconds = ns / kSecond;
    if (seconds < 60) {
        double exact = static_cast<double>(ns / kMillisecond) / 1000.0;
        return seconds < 10 ? fmt::format("{:.2f}s", exact) : fmt::format("{:.1f}s", exact);
    }
    if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
    return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
}

}  // namespace leakshim::tools
