// SPDX-License-Identifier: MIT
#include "ending.h"

#include "action_log.h"
#include "brief.h"
#include "kernel.h"
#include "output.h"
#include "rulebook.h"
#include "sys.h"
#include "tombstone.h"

namespace leakshim::session {

namespace {

void write_line(void* fd, Str line) {
    write_harmlessly(static_cast<int>(reinterpret_cast<long>(fd)), line);
}

void write_lines(int fd, Str text) {
    while (!text.empty()) {
        Text<1024> line;
        line.add("leakshim: ").add(take_until(text, '\n')).add('\n');
        write_harmlessly(fd, line.str());
    }
}

/// A run that only had things open at its end has not leaked: that is for leakshim-report to show.
bool leaves_something(const reap::Result& result) {
    return result.errors != 0 || result.kept != 0 || result.unresolved != 0;
}

/// What the user has to know: what was wrong with the rules, what leaked, and which rules were of use.
void write_report(const Ending& ending, const reap::Result& result, const TextBuffer& complaints, int fd) {
    Str whole = complaints.str();
    while (complaints.truncated() && !whole.empty() && whole.back() != '\n')
        whole.remove_suffix(1);
    write_lines(fd, whole);
    if (complaints.truncated()) write_lines(fd, "and there is more wrong; correct this first\n");
    if (!leaves_something(result)) return;
    for (u32 rule = 0;; ++rule) {
        Text<1024> hits;
        if (!print_rule_hits(rule, hits)) break;
        write_lines(fd, hits.str());
    }
    reap::print_brief(ending.ledger, result, sink_to(fd));
}

void report(const Ending& ending, const reap::Result& result, const TextBuffer& complaints) {
    if (complaints.size() == 0 && !leaves_something(result)) return;
    int fd = ending.report_fd;
    if (fd < 0) fd = open_beside(ending.ledger.path(), "txt");
    if (fd < 0) return;
    write_report(ending, result, complaints, fd);
    if (fd != ending.report_fd) sys::close(fd);
}

bool worth_keeping(const ledger::Header& header, const reap::Result& result) {
    if (result.errors != 0 || result.warnings != 0 || result.notes != 0) return true;
    if (any_rule_hit()) return true;  // what is ignored is no finding, but the hits are shown
    for (auto counter :
         {ledger::Counter::dropped_full, ledger::Counter::dropped_limit, ledger::Counter::dropped_name,
          ledger::Counter::dropped_fd, ledger::Counter::blind_static, ledger::Counter::blind_setid,
          ledger::Counter::blind_class, ledger::Counter::left_ledger}) {
        if (header.counters[static_cast<u32>(counter)].load(std::memory_order_relaxed) != 0) return true;
    }
    return false;
}

/// What came of the rules goes into the ledger, unless there was nothing that one could have matched.
struct Judged {
    const Ending& ending;
    const reap::Result& result;

    static void write(void* context) {
        const auto& judged = *static_cast<const Judged*>(context);
        const reap::Result& result = judged.result;
        if (result.errors + result.warnings + result.notes == 0 && !any_rule_hit()) return;
        record_rule_hits({judged.ending.ledger, judged.ending.lease, 0, 0, 0, sys::clock(CLOCK_BOOTTIME)});
    }
};

}  // namespace

void tidy(ledger::Ledger& ledger, const reap::Result& result) {
    const ledger::Header& header = *ledger.header();
    if (!worth_keeping(header, result) && write_tombstone(header, ledger.path()))
        sys::unlinkat(AT_FDCWD, ledger.path(), 0);
}

reap::Sink sink_to(int fd) {
    return {write_line, reinterpret_cast<void*>(static_cast<long>(fd))};
}

void settings_of(const ledger::Header& header, Options& options) {
    namespace flag = ledger::session_flag;
    OptionTexts texts{};
    if (header.options.size != 0) texts.options = header.options.text;
    Text<256> unheard;
    parse_options(texts, options, unheard);
    options.off = false;
    options.reap = (header.flags & flag::kReap) != 0;
    options.fail = (header.flags & flag::kFail) != 0;
    options.ci = (header.flags & flag::kCi) != 0;
    if ((header.flags & flag::kKeepOnFailure) != 0) options.tmp = TempPolicy::keep_on_failure;
    options.rules = header.rules.size == 0 ? Str{} : Str(header.rules.text);
}

Ended end_session(const Ending& ending) {
    reap::Kernel kernel;
    Text<2048> complaints;
    Rulebook book = read_rules(ending.options, ending.home, complaints);
    Options options = ending.options;
    if (!book.complete) options.reap = false;
    reap::Request request{.ledger = ending.ledger,
                          .lease = ending.lease,
                          .options = options,
                          .rules = book.rules,
                          .kernel = kernel,
                          .progress = {},
                          .interrupted = ending.interrupted};
    request.self = ending.self;
    request.in_root = ending.in_root;
    request.run_failed = ending.status != 0;
    request.ended_realtime = ending.ended_realtime;
    request.again = request.things_only = ending.clearing;
    request.readers_only = ending.readers;
    if (ending.progress_fd >= 0) request.progress = sink_to(ending.progress_fd);
    ActionLog log(ending.ledger.path());
    request.log = log.sink();
    u32 errors = ending.ledger.header()->errors.load(std::memory_order_relaxed);
    Ended ended;
    Judged judged{ending, ended.result};
    // What came of the rules the root has written down.
    if (!ending.readers) request.judged = {Judged::write, &judged};
    ended.finish = reap::finish_session(request, ending.how, ending.status, ended.result);
    ended.status = ending.status;
    if (ended.finish == reap::Finish::done) {
        ended.status = reap::final_status(*ending.ledger.header(), ending.status, ended.result);
        // The root has said the rest.
        if (!ending.readers || ended.result.errors > errors) report(ending, ended.result, complaints);
        // Who comes for the readers tidies up.
        if (ended.result.readers == 0) tidy(ending.ledger, ended.result);
    }
    return ended;
}

}  // namespace leakshim::session
