// SPDX-License-Identifier: MIT
//
// The session's end in its root: reap, report, and leave the directory of ledgers tidy.
#include "brief.h"
#include "directory.h"
#include "kernel.h"
#include "output.h"
#include "rulebook.h"
#include "self.h"
#include "session_end.h"
#include "sys.h"

namespace leakshim::session {

namespace {

/// The kernel's own struct of rt_sigaction(2); libc's sigaction would be the host's to replace.
struct KernelAction {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    u64 mask;
};

/// Nothing of the host may run any more while the session ends: its other threads may still take signals, and
/// a SIGCHLD for each process that is reaped would call its handler. The process ends right after.
void quiet_child_signals() {
    KernelAction action{SIG_DFL, 0, nullptr, 0};
    sys::call(SYS_rt_sigaction, SIGCHLD, sys::ptr(&action), 0, sizeof action.mask);
}

/// Another Ctrl-C while we wait: signals are blocked, so it stands in the pending set.
bool interrupted(void*) {
    u64 pending = 0;
    sys::call(SYS_rt_sigpending, sys::ptr(&pending), sizeof pending);
    return (pending & (u64{1} << (SIGINT - 1))) != 0;
}

bool is_terminal(int fd) {
    char settings[64];
    constexpr long kTcgets = 0x5401;
    return sys::call(SYS_ioctl, fd, kTcgets, sys::ptr(settings)) == 0;
}

/// fd 2 is used only when it is still the file that it was at load: the host may have made a data file of it.
bool stderr_is_unchanged(const Session& session) {
    return session.stderr_at_load.known() && file_id(2, "") == session.stderr_at_load;
}

void write_line(void* fd, Str line) {
    write_harmlessly(static_cast<int>(reinterpret_cast<long>(fd)), line);
}

reap::Sink sink_to(int fd) {
    return {write_line, reinterpret_cast<void*>(static_cast<long>(fd))};
}

/// `<id>.<suffix>` beside the ledger.
int open_beside(const Session& session, Str suffix) {
    Text<560> path;
    Str ledger = session.ledger.path();
    path.add(Str(ledger.data(), ledger.size() - Str("ledger").size())).add(suffix);
    return sys::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
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
void write_report(Session& session, const reap::Result& result, Str complaints, int fd) {
    write_lines(fd, complaints);
    if (!leaves_something(result)) return;
    for (u32 rule = 0;; ++rule) {
        Text<1024> hits;
        if (!print_rule_hits(rule, hits)) break;
        write_lines(fd, hits.str());
    }
    reap::print_brief(session.ledger, result, sink_to(fd));
}

void report(Session& session, const reap::Result& result, Str complaints) {
    if (complaints.empty() && !leaves_something(result)) return;
    bool to_stderr = stderr_is_unchanged(session);
    int fd = to_stderr ? 2 : open_beside(session, "txt");
    if (fd < 0) return;
    write_report(session, result, complaints, fd);
    if (!to_stderr) sys::close(fd);
}

/// What a run was, in lines that leakshim-report reads. In small pieces: a thread with a tiny stack may end
/// the run.
void write_tombstone(const ledger::Header& header, int fd) {
    Text<256> numbers;
    numbers.add("ended ").add_decimal(header.ended_realtime.load(std::memory_order_relaxed));
    numbers.add("\nstarted ").add_decimal(header.created_realtime);
    numbers.add("\nflags ").add_decimal(header.flags);
    numbers.add("\nended-by ").add_decimal(static_cast<u64>(header.ended_by.load(std::memory_order_relaxed)));
    numbers.add("\nstatus ")
        .add_decimal(static_cast<u32>(header.exit_status.load(std::memory_order_relaxed)) & 0xff);
    numbers.add("\npid ").add_decimal(static_cast<u64>(header.root_pid)).add('\n');
    write_harmlessly(fd, numbers.str());
    Str cwd = header.cwd.text;
    Str first_line = cwd;
    if (take_until(first_line, '\n') == cwd) {
        write_harmlessly(fd, "cwd ");
        write_harmlessly(fd, cwd);
        write_harmlessly(fd, "\n");
    }
    write_harmlessly(fd, "command ");
    Str rest(header.command.text,
             header.command.size <= sizeof header.command.text ? header.command.size : 0);
    while (!rest.empty()) {
        Text<512> argument;
        argument.add_safe(take_until(rest, '\0')).add(' ');
        write_harmlessly(fd, argument.str());
    }
    write_harmlessly(fd, "\n");
}

/// A run with nothing to report leaves a tombstone, so that an older run is never shown as the newest.
void bury(Session& session) {
    int fd = open_beside(session, "clean");
    if (fd >= 0) {
        write_tombstone(*session.ledger.header(), fd);
        sys::close(fd);
    }
    sys::unlinkat(AT_FDCWD, session.ledger.path(), 0);
}

bool worth_keeping(const ledger::Header& header, const reap::Result& result) {
    if (result.errors != 0 || result.warnings != 0 || result.notes != 0) return true;
    for (auto counter :
         {ledger::Counter::dropped_full, ledger::Counter::dropped_limit, ledger::Counter::dropped_name,
          ledger::Counter::dropped_fd, ledger::Counter::blind_static, ledger::Counter::blind_setid,
          ledger::Counter::blind_class, ledger::Counter::left_ledger}) {
        if (header.counters[static_cast<u32>(counter)].load(std::memory_order_relaxed) != 0) return true;
    }
    return false;
}

void tidy(Session& session, const reap::Result& result) {
    DirectoryPath directory;
    Str path = session.ledger.path();
    while (!path.empty() && path.back() != '/')
        path.remove_suffix(1);
    path.remove_suffix(path.size() > 1 ? 1 : 0);
    directory.add(path);
    if (!worth_keeping(*session.ledger.header(), result)) bury(session);
    prune_directory(directory.str(), session.options.keep_ledgers);
}

}  // namespace

int end(Session& session, ledger::ThreadLease& lease, int status, ledger::EndedBy how) {
    static std::atomic<bool> done;
    if (done.exchange(true, std::memory_order_acq_rel)) return status;
    u64 mask = 0;
    sys::block_signals(&mask);
    quiet_child_signals();
    reap::Kernel kernel;
    Text<2048> complaints;
    policy::KeepRules rules = read_rules(session.options, session.home, complaints);
    reap::Request request{.ledger = session.ledger,
                          .lease = lease,
                          .options = session.options,
                          .rules = rules,
                          .kernel = kernel,
                          .progress = {},
                          .interrupted = {}};
    request.self = session.self;
    request.in_root = true;
    request.run_failed = status != 0;
    request.interrupted = {interrupted, nullptr};
    if (stderr_is_unchanged(session) && is_terminal(2)) request.progress = sink_to(2);
    reap::Result result;
    reap::Finish finish = reap::finish_session(request, how, status, result);
    int wanted = status;
    if (finish == reap::Finish::done) {
        wanted = reap::final_status(*session.ledger.header(), status, result);
        report(session, result, complaints.str());
        tidy(session, result);
    }
    session.stage.store(Stage::off, std::memory_order_release);
    sys::restore_signals(&mask);
    return wanted;
}

}  // namespace leakshim::session
