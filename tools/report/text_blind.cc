// SPDX-License-Identifier: MIT
#include "text_blind.h"

#include <fmt/format.h>

#include "encoding.h"
#include "findings.h"

namespace leakshim::tools {

namespace {

using ledger::Counter;

struct Sentence {
    Counter counter;
    std::string_view text;  ///< `{}` is the number
};

constexpr Sentence kSentences[] = {
    {Counter::blind_static, "{} executions of static programs, which the shim can't be loaded into"},
    {Counter::blind_setid, "{} executions of set-id programs, which ignore LD_PRELOAD"},
    {Counter::blind_class,
     "{} executions of programs of another ELF class (32-bit), which can't load the shim"},
    {Counter::blind_scan, "{} processes found only through /proc"},
    {Counter::left_ledger,
     "{} processes left the ledger, since they changed their user, confined themselves or could not map it"},
    {Counter::dropped_full,
     "{} records dropped: no room in the ledger's file system (enlarge /dev/shm or set LEAKSHIM_DIR)"},
    {Counter::dropped_limit, "{} records dropped: the ledger, or an address space limit, was at its end"},
    {Counter::dropped_name, "{} records dropped: a name too long, or one that could not be made absolute"},
    {Counter::dropped_fd, "{} records dropped: a descriptor number beyond the table"},
    {Counter::unindexed, "{} records whose release by name may have been missed"},
};

void write_section(std::string_view title, const std::vector<std::string>& lines, const Style& style,
                   const Sink& sink) {
    if (lines.empty()) return;
    sink(fmt::format("\n{}\n", title));
    for (const std::string& line : lines) {
        std::string_view indent = "  ";
        for (const std::string& piece : wrapped(line, style.width > 0 ? style.width - 4 : 0)) {
            sink(fmt::format("{}{}\n", indent, piece));
            indent = "    ";
        }
    }
}

}  // namespace

void write_blind(const Report& report, const Style& style, const Sink& sink) {
    std::vector<std::string> lines;
    for (const Sentence& sentence : kSentences) {
        u64 count = report.counter(sentence.counter);
        if (count != 0) lines.push_back(fmt::format(fmt::runtime(sentence.text), count));
    }
    if ((report.session.flags & ledger::session_flag::kNoPidfd) != 0) {
        lines.push_back("this kernel gave no pidfds, so no process could be ended");
    }
    if (Str why = ledger::why_no_guard(report.session.guard); !why.empty()) {
        lines.push_back(
            fmt::format("there was no guard to clean up after a killed run ({}); the next run does it", why));
    }
    if (report.broken_chunks != 0) {
        lines.push_back(fmt::format("{} pieces of the ledger could not be read", report.broken_chunks));
    }
    write_section("not seen:", lines, style, sink);

    lines.clear();
    if (u64 fds = report.counter(Counter::fds_at_exit); fds != 0) {
        u64 sockets = report.counter(Counter::sockets_at_exit),
            ports = report.counter(Counter::ports_at_exit);
        std::string line = counted(fds, "descriptor", "descriptors") + " open";
        if ((sockets | ports) != 0)
            line += fmt::format("; of these, {} and {}", counted(sockets, "socket", "sockets"),
                                counted(ports, "port", "ports"));
        lines.push_back(std::move(line));
    }
    if (u64 threads = report.counter(Counter::threads_at_exit); threads != 0) {
        lines.push_back(counted(threads, "thread", "threads") + " running, or not joined");
    }
    if (u64 closed = report.counter(Counter::closed_behind); closed != 0) {
        lines.push_back(counted(closed, "descriptor", "descriptors") +
                        " closed in a way that the shim can't see");
    }
    write_section("in processes other than the first, when they ended:", lines, style, sink);
}

std::string blind_words(const Report& report) {
    struct Part {
        u64 count;
        std::string_view what;
    };
    const Part kParts[] = {
        {report.counter(Counter::blind_static), "static programs"},
        {report.counter(Counter::blind_setid), "set-id programs"},
        {report.counter(Counter::blind_class), "32-bit programs"},
        {report.counter(Counter::blind_scan), "found only in /proc"},
        {report.counter(Counter::left_ledger), "left the ledger"},
        {report.counter(Counter::dropped_full), "records dropped (no room)"},
        {report.counter(Counter::dropped_limit), "records dropped (limit)"},
        {report.counter(Counter::dropped_name), "records dropped (name)"},
        {report.counter(Counter::dropped_fd), "records dropped (descriptor)"},
        {report.broken_chunks, "pieces of the ledger unreadable"},
    };
    std::string words;
    for (const Part& part : kParts) {
        if (part.count != 0)
            words += fmt::format("{}{} {}", words.empty() ? "" : ", ", part.count, part.what);
    }
    if (!ledger::why_no_guard(report.session.guard).empty())
        words += words.empty() ? "no guard" : ", no guard";
    return words.empty() ? "none" : words;
}

}  // namespace leakshim::tools
