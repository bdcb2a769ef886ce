// SPDX-License-Identifier: MIT
#include "actions.h"

#include <new>

#include "kinds.h"

namespace leakshim::reap {

namespace {

using ledger::Entry;
using ledger::Handle;
using ledger::Kind;
using ledger::Outcome;
using ledger::State;
namespace flag = ledger::flag;

constexpr size_t kMaxName = 1500;

void add_command(TextBuffer& to, Str command) {
    while (!command.empty() && command.back() == '\0')
        command.remove_suffix(1);
    size_t left = kMaxName;
    for (bool first = true; !command.empty() && left != 0; first = false) {
        Str argument = take_until(command, '\0');
        if (argument.size() > left) argument = Str(argument.data(), left);
        left -= argument.size();
        to.add(first ? "" : " ").add_safe(argument);
    }
}

void add_maker(TextBuffer& to, Handle owner, ledger::Walker& makers) {
    Entry maker;
    if (owner != 0 && makers.get(owner, maker) && maker.kind == Kind::process)
        to.add("pid ").add_decimal(static_cast<u64>(maker.number));
    else
        to.add("a process of the session that is over");
}

void add_origin_of_process(TextBuffer& to, const Entry& entry, ledger::Walker& makers) {
    if ((entry.flags & flag::kByScan) != 0) {
        to.add("found in /proc ");
        if (entry.parent == 0) {
            to.add("by the LEAKSHIM_SESSION in its environment");
            return;
        }
        to.add("as child of ");
        add_maker(to, entry.parent, makers);
    } else if ((entry.flags & flag::kExpected) != 0) {
        to.add("started by ");
        add_maker(to, entry.parent, makers);
        to.add(", as its hooks saw");
    } else {
        to.add("registered itself as child of pid ").add_decimal(static_cast<u64>(entry.ppid));
    }
}

Str signal_name(int signal) {
    switch (signal) {
        case SIGINT:
            return "SIGINT";
        case SIGTERM:
            return "SIGTERM";
        case SIGKILL:
            return "SIGKILL";
        case SIGSTOP:
            return "SIGSTOP";
        case SIGCONT:
            return "SIGCONT";
        default:
            return "signal";
    }
}

}  // namespace

void add_target(TextBuffer& to, const Entry& entry) {
    to.add(ledger::kind_title(entry.kind)).add(' ');
    if (entry.kind == Kind::process) {
        to.add_decimal(static_cast<u64>(entry.number)).add(" (");
        add_command(to, entry.text);
        to.add(')');
    } else if (ledger::is_fd(entry.kind)) {
        to.add("fd ").add_decimal(static_cast<u64>(entry.number));
        if (!entry.text.empty()) to.add(' ').add_safe(entry.text);
    } else if (ledger::is_sysv_ipc(entry.kind)) {
        if (entry.number != ledger::kNoIpcId)
            to.add("id ").add_decimal(static_cast<u64>(entry.number)).add(", ");
        to.add("key 0x").add_hex(entry.a, 8);
    } else {
        to.add_safe(entry.text);
    }
}

void add_identity(TextBuffer& to, const Entry& entry) {
    if (entry.kind == Kind::process) {
        if (entry.a != 0)
            to.add("pidfd inode ").add_decimal(entry.a);
        else
            to.add("start time ").add_decimal(entry.b != 0 ? entry.b : entry.born).add(" ns after boot");
    } else if (ledger::is_path(entry.kind) || ledger::is_named_ipc(entry.kind)) {
        to.add("dev ").add_decimal(entry.a >> 32).add(':').add_decimal(entry.a & 0xffffffff);
        to.add(" inode ").add_decimal(entry.b).add(" birth ").add_decimal(entry.c);
        if (entry.d != 0) to.add(" handle ").add_hex(entry.d, 16);
    } else if (ledger::is_sysv_ipc(entry.kind)) {
        to.add("id, key and creation time ").add_decimal(entry.b);
    } else {
        to.add("number and kind");
    }
}

void add_evidence(TextBuffer& to, const Entry& entry, ledger::Walker& makers, ledger::Walker& tests) {
    if (entry.kind == Kind::process) {
        add_origin_of_process(to, entry, makers);
    } else {
        to.add(ledger::is_fd(entry.kind) ? "opened by " : "made by ");
        add_maker(to, entry.owner, makers);
    }
    Entry test;
    if (entry.scope == 0 || !tests.get(entry.scope, test) || test.kind != Kind::scope) return;
    to.add(", in ").add_safe(test.text.size() > kMaxName ? Str(test.text.data(), kMaxName) : test.text);
}

void add_time(TextBuffer& to, u64 realtime) {
    u64 seconds = realtime / kSecond;
    u64 days = seconds / 86400, rest = seconds % 86400;
    // Days since 1 March of the year 0: the leap day comes last in its year then.
    u64 day = days + 719468;
    u64 era = day / 146097, of_era = day % 146097;
    u64 year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    u64 of_year = of_era - (365 * year + year / 4 - year / 100);
    u64 month = (5 * of_year + 2) / 153;
    u64 date = of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    year += era * 400 + (month <= 2 ? 1 : 0);
    auto two = [&](u64 value, char before) {
        to.add(before);
        if (value < 10) to.add('0');
        to.add_decimal(value);
    };
    to.add_decimal(year);
    two(month, '-');
    two(date, '-');
    two(rest / 3600, 'T');
    two(rest / 60 % 60, ':');
    two(rest % 60, ':');
    u64 ms = realtime % kSecond / kMillisecond;
    to.add(ms < 10 ? ".00" : ms < 100 ? ".0" : ".").add_decimal(ms).add('Z');
}

Actions::~Actions() {
    if (pages_ == nullptr) return;
    flush();
    sys::munmap(pages_, sizeof(Pages));
}

void Actions::flush() {
    if (pages_->size != 0) log_(Str(pages_->lines, pages_->size));
    pages_->size = 0;
}

bool Actions::look_anew() {
    auto& header = *reinterpret_cast<ledger::Header*>(pages_->header);
    looking_ = ledger::read_header(source_, header) == ledger::Verdict::ok;
    pages_->evidence_size = 0;
    if (!looking_) return false;
    for (Looker& looker : pages_->lookers)
        new (looker.memory) ledger::Walker(source_, header);
    return true;
}

bool Actions::find(Handle handle, u32 generation, Entry& entry) {
    auto is_it = [&] { return walker(kRecords).get(handle, entry) && entry.generation == generation; };
    // What was made once stays as it is; a process goes on, and an intent is filled in.
    if (looking_ && is_it() && entry.kind != Kind::process && entry.state != State::intent) return true;
    return look_anew() && is_it();
}

void Actions::add_evidence_of(TextBuffer& to, const Entry& entry) {
    bool made = entry.kind != Kind::process && !ledger::is_fd(entry.kind);
    Pages& pages = *pages_;
    if (made && pages.evidence_size != 0 && entry.owner == pages.maker && entry.scope == pages.test) {
        to.add(Str(pages.evidence, pages.evidence_size));
        return;
    }
    size_t begin = to.size();
    add_evidence(to, entry, walker(kMakers), walker(kTests));
    Str evidence(to.c_str() + begin, to.size() - begin);
    if (!made || to.truncated() || evidence.size() > sizeof pages.evidence) return;
    __builtin_memcpy(pages.evidence, evidence.data(), evidence.size());
    pages.evidence_size = evidence.size();
    pages.maker = entry.owner, pages.test = entry.scope;
}

bool Actions::write(Handle handle, u32 generation, Str action, Str reason, Str checked) {
    if (pages_ == nullptr) pages_ = static_cast<Pages*>(take_pages(sizeof(Pages)));
    Entry entry;
    if (pages_ == nullptr || !find(handle, generation, entry)) return false;
    Pages& pages = *pages_;
    if (entry.kind == Kind::process || lines_++ % kLinesPerTime == 0) {
        time_.clear();
        add_time(time_, kernel_.realtime());
    }
    TextBuffer line(pages.lines + pages.size, kMaxLine - 1);
    line.add(time_.str()).add(' ').add(action).add(' ');
    add_target(line, entry);
    if (!reason.empty()) line.add(": ").add(reason);
    line.add("; ");
    add_identity(line, entry);
    line.add(' ').add(checked).add("; ");
    add_evidence_of(line, entry);
    pages.size += line.size();
    pages.lines[pages.size++] = '\n';
    if (pages.size >= kFull) flush();
    return true;
}

void Actions::signalling(Handle handle, u32 generation, int signal) {
    if (log_.write == nullptr || handle == 0) return;
    Text<32> action;
    action.add("sending ").add(signal_name(signal)).add(" to");
    if (write(handle, generation, action.str(), {}, "matched")) flush();
}

void Actions::settled(Handle handle, u32 generation, State to, Outcome outcome) {
    // What a process had open goes with it, and is no act of its own.
    if (log_.write == nullptr || outcome == Outcome::gone_with_holder) return;
    if (to == State::reaped)
        write(handle, generation, "reaped", ledger::outcome_text(outcome), "matched");
    else if (to == State::failed)
        write(handle, generation, "not reaped", ledger::outcome_text(outcome), "recorded");
    else if (to == State::gone && outcome == Outcome::changed_identity)
        write(handle, generation, "not reaped", ledger::outcome_text(outcome), "recorded, and not found");
}

}  // namespace leakshim::reap
