// SPDX-License-Identifier: MIT
#include "text_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "encoding.h"

namespace leakshim::tools {

namespace {

using ledger::Kind;
using ledger::Outcome;
using ledger::State;

constexpr size_t kHeldNamed = 4;  // sockets and files of a process that are named when not all are asked for

std::string quoted_command(const Process& process, const Style& style) {
    return join_command(command_of(process, style.redact), style.unicode);
}

std::string process_words(const Process* process, const Style& style) {
    std::string command = process != nullptr ? quoted_command(*process, style) : std::string();
    return command.empty() ? "(command line not known)" : command;
}

std::string thread_words(const Item& item, const Style& style) {
    std::string name = thread_name_of(item);
    std::string words = name.empty() ? "without a name" : terminal_safe(name, style.unicode);
    if ((item.flags & ledger::flag::kStarted) != 0) words += fmt::format(", tid {}", item.number);
    if ((item.flags & ledger::flag::kFinished) != 0) return words + ", finished and never joined";
    if ((item.flags & ledger::flag::kDetached) != 0) words += ", detached";
    return words;
}

std::string descriptor_words(const Item& item, const Style& style) {
    std::string fd = fmt::format("fd {}", item.number);
    if (item.kind == Kind::socket)
        return fmt::format("{} ({})", socket_words(socket_of(item), style.unicode), fd);
    if (item.kind == Kind::pipe)
        return fd + ((item.flags & ledger::flag::kWriteEnd) != 0 ? ", write end" : ", read end");
    return item.text.empty() ? fd : fmt::format("{} ({})", terminal_safe(item.text, style.unicode), fd);
}

/// Said by the state alone, or by the section on what was kept.
bool is_plain(Outcome outcome) {
    switch (outcome) {
        case Outcome::none:
        case Outcome::removed:
        case Outcome::closed:
        case Outcome::gone_with_holder:
        case Outcome::gone_by_itself:
        case Outcome::kept_at_desk:
            return true;
        default:
            return false;
    }
}

/// Each name once, in their order: what a process has open several times is one thing.
std::string some_of(const std::vector<std::string>& names, size_t limit, std::string_view more) {
    std::map<std::string_view, size_t> places;
    std::vector<std::pair<std::string_view, size_t>> counted;
    for (std::string_view name : names) {
        auto [place, is_new] = places.try_emplace(name, counted.size());
        if (is_new) counted.emplace_back(name, 0);
        ++counted[place->second].second;
    }
    std::string words;
    for (size_t i = 0; i < counted.size() && i < limit; ++i) {
        words += (words.empty() ? "" : ", ") + std::string(counted[i].first);
        if (counted[i].second > 1) words += fmt::format(" ({} times)", counted[i].second);
    }
    if (counted.size() > limit) words += fmt::format(" and {} more {}", counted.size() - limit, more);
    return words;
}

std::string held_words(const Holds& holds, const Style& style) {
    size_t limit = style.all ? holds.sockets.size() + holds.files.size() : kHeldNamed;
    std::vector<std::string> socket_names, file_names;
    for (const SocketFacts& socket : holds.sockets) {
        if (!socket.family.empty() && (socket.port || !socket.path.empty()))
            socket_names.push_back(socket_words(socket, style.unicode));
    }
    for (const std::string& file : holds.files)
        file_names.push_back(terminal_safe(file, style.unicode));
    std::string sockets = some_of(socket_names, limit, "sockets"),
                files = some_of(file_names, limit, "files");
    if (sockets.empty() || files.empty()) return sockets + files;
    return sockets + "; " + files;
}

/// What a run's own output was that a process holds: the classic reason for which a CI job does not end.
void add_output(const Process& process, const Holds& holds, std::vector<Detail>& details) {
    ledger::Stream out = holds.output.of(1), err = holds.output.of(2);
    if (!holds.has_output()) return;
    auto named = [](std::string_view name, ledger::Stream stream) {
        return fmt::format("{} (a {})", name, ledger::stream_name(stream));
    };
    std::string words;
    if (out == err)
        words = named("stdout and stderr", out);
    else if (out != ledger::Stream::none)
        words = named("stdout", out);
    if (out != err && err != ledger::Stream::none)
        words += (words.empty() ? "" : " and ") + named("stderr", err);
    auto has_reader = [](ledger::Stream stream) {
        return stream == ledger::Stream::pipe || stream == ledger::Stream::socket;
    };
    bool read = has_reader(out) || has_reader(err);
    std::string_view consequence;
    if (read)
        consequence = process.alive ? ": who reads that waits until this process ends"
                                    : ": who reads that would have waited for this process";
    // What only lets it write there is worth one line, however many do.
    details.push_back(
        {fmt::format("{} the run's own {}{}", process.alive ? "holds" : "held", words, consequence), !read});
}

std::string byte_words(u64 bytes) {
    constexpr std::string_view kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double value = static_cast<double>(bytes);
    size_t unit = 0;
    for (; value >= 1000 && unit + 1 < std::size(kUnits); ++unit)
        value /= 1024;
    return fmt::format("{:.{}f} {}", value, unit == 0 || value >= 10 ? 0 : 1, kUnits[unit]);
}

/// Of a tree that is still there: what the disk is short of is inodes as often as bytes.
std::string size_words(const Report& report, const Item& item) {
    auto size = report.sizes.find(static_cast<u32>(&item - report.items.data()));
    if (item.kind != Kind::temp_dir || size == report.sizes.end() || size->second.inodes < 2) return {};
    return fmt::format("{}{} inodes, {}", size->second.whole ? "" : "at least ", size->second.inodes,
                       byte_words(size->second.bytes));
}

/// "main (suite.c:12)", "libfoo.so+0x1234" where there is no debug information.
std::string frame_words(const SourceFrame& frame, const Style& style) {
    std::string place = frame.file;
    if (!place.empty() && frame.line != 0) place += fmt::format(":{}", frame.line);
    if (place.empty()) {
        std::string_view name = frame.module;
        name.remove_prefix(std::min(name.size(), name.rfind('/') + 1));
        place = fmt::format("{}+0x{:x}", name, frame.offset);
        if (frame.rebuilt) place += ", which was built anew since";
    }
    if (frame.function.empty()) return terminal_safe(place, style.unicode);
    return terminal_safe(frame.function + " (" + place + ")", style.unicode);
}

constexpr size_t kShownFrames = 6;

/// The calls that led to it, without what lies below main: the C library's start of a program.
void add_stack(const std::vector<SourceFrame>& stack, const Style& style, std::vector<Detail>& details) {
    auto main =
        std::find_if(stack.begin(), stack.end(), [](auto& frame) { return frame.function == "main"; });
    size_t count = main == stack.end() ? stack.size() : static_cast<size_t>(main - stack.begin()) + 1;
    for (size_t i = 0; i < count; ++i) {
        if (i == kShownFrames && count > kShownFrames + 1) {
            details.push_back({fmt::format("  and {} more calls, see --format json", count - i)});
            return;
        }
        details.push_back({(i == 0 ? "made in " : "  called by ") + frame_words(stack[i], style)});
    }
}

}  // namespace

std::string socket_words(const SocketFacts& socket, bool unicode) {
    bool internet = socket.family == "inet" || socket.family == "inet6";
    if (!internet) {
        std::string words = socket.family.empty() ? "socket" : socket.family + " " + socket.type;
        if (!socket.path.empty()) words += " " + terminal_safe(socket.path, unicode);
        return words;
    }
    std::string words = socket.type == "stream" ? "tcp" : socket.type == "dgram" ? "udp" : socket.type;
    if (!socket.port) return words + " socket";
    bool brackets = socket.family == "inet6";
    words +=
        fmt::format(" {}{}{}:{}", brackets ? "[" : "", socket.address, brackets ? "]" : "", *socket.port);
    return words;
}

std::string what_of(const Report& report, const Item& item, const Style& style) {
    if (item.kind == Kind::process) return process_words(report.process_of(item), style);
    if (item.kind == Kind::thread) return thread_words(item, style);
    if (ledger::is_fd(item.kind)) return descriptor_words(item, style);
    if (ledger::is_sysv_ipc(item.kind)) {
        std::string key = fmt::format("key 0x{:08x}", static_cast<u32>(item.a));
        return item.number == ledger::kNoIpcId ? key : fmt::format("id {}, {}", item.number, key);
    }
    return terminal_safe(item.text, style.unicode);
}

bool may_be_cut(const Item& item) {
    return item.kind == Kind::process;
}

std::string_view state_word(const Item& item) {
    if (item.degree == policy::Degree::warning) return "warning";
    return ledger::state_name(item.state);
}

std::vector<Detail> details_of(const Report& report, const Item& item, bool nested, const Style& style) {
    std::vector<Detail> details;
    bool merely_open = item.outcome == Outcome::open_at_exit || item.outcome == Outcome::port_at_exit;
    if (!is_plain(item.outcome))
        details.push_back({std::string(ledger::outcome_text(item.outcome)), merely_open});
    if (const SourceFrame* routine = report.routine_of(item))
        details.push_back({"runs " + frame_words(*routine, style)});
    std::string_view site = report.site_of(item);
    if (!site.empty()) details.push_back({"made at " + terminal_safe(site, style.unicode)});
    if (const auto* stack = report.stack_of(item)) add_stack(*stack, style, details);
    if (std::string size = size_words(report, item); !size.empty()) details.push_back({std::move(size)});
    const Process* process = report.process_of(item);
    bool by_root = process != nullptr && process->pid == report.session.root_pid;
    if (item.kind != Kind::process && process != nullptr && !nested && !by_root &&
        !process->command.empty()) {
        details.push_back({"made by " + quoted_command(*process, style), true, true});
    }
    if (item.kind == Kind::process && item.process != kNone) {
        auto holds = report.holds.find(item.process);
        if (holds == report.holds.end()) return details;
        // Of what still runs everybody expects that.
        if (item.state != State::live) add_output(*process, holds->second, details);
        std::string held = held_words(holds->second, style);
        if (!held.empty()) details.push_back({(process->alive ? "holds " : "held ") + held});
    }
    return details;
}

}  // namespace leakshim::tools
