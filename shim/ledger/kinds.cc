// SPDX-License-Identifier: MIT
#include "kinds.h"

#include <sys/stat.h>

namespace leakshim::ledger {

namespace {

struct KindRow {
    Kind kind;
    TableText<20> name;
    TableText<24> title;
};

constexpr KindRow kKinds[] = {
    {Kind::process, "process", "process"},
    {Kind::thread, "thread", "thread"},
    {Kind::file, "file", "open file"},
    {Kind::pipe, "pipe", "pipe"},
    {Kind::socket, "socket", "socket"},
    {Kind::eventfd, "eventfd", "eventfd"},
    {Kind::timerfd, "timerfd", "timerfd"},
    {Kind::signalfd, "signalfd", "signalfd"},
    {Kind::epoll, "epoll", "epoll instance"},
    {Kind::inotify, "inotify", "inotify instance"},
    {Kind::memfd, "memfd", "memfd"},
    {Kind::pidfd, "pidfd", "pidfd"},
    {Kind::other_fd, "other_fd", "descriptor"},
    {Kind::temp_dir, "temp_dir", "temporary directory"},
    {Kind::temp_file, "temp_file", "temporary file"},
    {Kind::fifo, "fifo", "fifo"},
    {Kind::link, "link", "link"},
    {Kind::device, "device", "device node"},
    {Kind::unix_socket, "unix_socket", "unix socket file"},
    {Kind::posix_shm, "posix_shm", "POSIX shared memory"},
    {Kind::named_semaphore, "named_semaphore", "named semaphore"},
    {Kind::message_queue, "message_queue", "POSIX message queue"},
    {Kind::sysv_shm, "sysv_shm", "System V shared memory"},
    {Kind::sysv_sem, "sysv_sem", "System V semaphores"},
    {Kind::sysv_msg, "sysv_msg", "System V message queue"},
    {Kind::scope, "scope", "scope"},
};

struct OutcomeRow {
    Outcome outcome;
    TableText<20> name;
    TableText<72> text;
};

constexpr OutcomeRow kOutcomes[] = {
    {Outcome::none, "none", ""},
    {Outcome::closed, "closed", "closed"},
    {Outcome::exited_alone, "exited_alone", "ended by itself while it was waited for"},
    {Outcome::ended_by_close, "ended_by_close", "ended when its peers were closed"},
    {Outcome::ended_by_polite, "ended_by_polite", "ended on the signal it has a handler for"},
    {Outcome::ended_by_term, "ended_by_term", "ended on SIGTERM"},
    {Outcome::ended_by_kill, "ended_by_kill", "ended by SIGKILL only"},
    {Outcome::removed, "removed", "removed"},
    {Outcome::gone_with_holder, "gone_with_holder", "went with the process that held it"},
    {Outcome::kept_at_desk, "kept_at_desk", "kept for whoever debugs the test (CI=1 removes it)"},
    {Outcome::kept_by_mode, "kept_by_mode", "left alone: LEAKSHIM=report, or rules that can't be read"},
    {Outcome::kept_by_rule, "kept_by_rule", "kept by a rule"},
    {Outcome::kept_by_mark, "kept_by_mark", "kept: marked as wanted"},
    {Outcome::kept_on_failure, "kept_on_failure", "kept: the run failed (tmp=keep-on-failure)"},
    {Outcome::gone_by_itself, "gone_by_itself", "was gone already"},
    {Outcome::changed_identity, "changed_identity", "left alone: something else bears its name now"},
    {Outcome::not_ours_anymore, "not_ours_anymore", "left alone: somebody outside the run uses or owns it"},
    {Outcome::partly_spared, "partly_spared", "removed but for what somebody outside the run uses"},
    {Outcome::no_pidfd, "no_pidfd", "not killed: no pidfd to be had, and a bare pid may be somebody else"},
    {Outcome::no_permission, "no_permission", "not permitted"},
    {Outcome::survived_kill, "survived_kill", "still alive after SIGKILL"},
    {Outcome::brake_mount, "brake_mount", "refused: a mount point"},
    {Outcome::brake_home, "brake_home", "refused: the home directory, or above it"},
    {Outcome::brake_work_tree, "brake_work_tree", "refused: a version-control work tree"},
    {Outcome::brake_size, "brake_size", "refused: more entries than the option tree-limit allows"},
    {Outcome::unresolved_intent, "unresolved_intent", "unresolved: its maker died while making it"},
    {Outcome::system_error, "system_error", "the kernel refused"},
    {Outcome::out_of_time, "out_of_time", "the time for the end of the run was over"},
    {Outcome::port_at_exit, "port_at_exit", "still bound when its process ended"},
    {Outcome::open_at_exit, "open_at_exit", "still open when its process ended"},
    {Outcome::ignored_by_rule, "ignored_by_rule", "does not count: a rule says so"},
    {Outcome::retired, "retired", "retired: closed for its peers while its process goes on"},
    {Outcome::removed_later, "removed_later", "removed later on, when that was asked for"},
};

constexpr TableText<12> kStates[] = {"free",   "unresolved", "live",   "ended", "leaked",
                                     "reaped", "kept",       "failed", "gone"};

constexpr TableText<16> kCounterNames[kCounters] = {
    "full",   "limit",         "name",          "fd",          "unindexed",     "static",
    "setid",  "foreign_class", "found_by_scan", "left_ledger", "closed_behind", "favours",
    "fds",    "sockets",       "ports",         "threads",     "processes",     "records",
    "inodes", "bytes",
};

constexpr TableText<12> kStreams[] = {"none", "pipe", "socket", "file", "terminal"};

constexpr TableText<16> kEndedBy[] = {"unknown", "exit",  "_exit",         "quick_exit", "abort",
                                      "guard",   "sweep", "leakshim-reap", "timeout"};

struct GuardRow {
    Guard guard;
    TableText<16> name;
    TableText<72> why;
};
constexpr GuardRow kGuards[] = {
    {Guard::unknown, "unknown", ""},
    {Guard::watching, "watching", ""},
    {Guard::off, "off", "the option guard=0 says so"},
    {Guard::not_found, "not_found", "leakshim-guard is not beside the library"},
    {Guard::not_started, "not_started", "it could not be started"},
    {Guard::no_answer, "no_answer", "it did not answer in time"},
    {Guard::root_is_init, "root_is_init", "the first process has pid 1, which is given all orphans"},
    {Guard::root_is_reaper, "root_is_reaper", "the first process is a subreaper, which is given all orphans"},
    {Guard::no_root, "no_root", ""},
};

const GuardRow& guard_row(Guard guard) {
    for (const GuardRow& row : kGuards) {
        if (row.guard == guard) return row;
    }
    return kGuards[0];
}

const OutcomeRow& outcome_row(Outcome outcome) {
    for (const OutcomeRow& row : kOutcomes) {
        if (row.outcome == outcome) return row;
    }
    return kOutcomes[0];
}

}  // namespace

Str kind_name(Kind kind) {
    for (const KindRow& row : kKinds) {
        if (row.kind == kind) return row.name;
    }
    return "unknown";
}

bool kind_from_name(Str name, Kind& kind) {
    for (const KindRow& row : kKinds) {
        if (row.name != name && !(row.kind == Kind::socket && name == "listening_port")) continue;
        kind = row.kind;
        return true;
    }
    return false;
}

Str kind_title(Kind kind) {
    for (const KindRow& row : kKinds) {
        if (row.kind == kind) return row.title;
    }
    return "unknown";
}

Str state_name(State state) {
    auto number = static_cast<u32>(state);
    return number < sizeof kStates / sizeof kStates[0] ? kStates[number] : Str("unknown");
}

Str counter_name(Counter counter) {
    auto number = static_cast<u32>(counter);
    return number < kCounters ? kCounterNames[number] : Str("unknown");
}

Str ended_by_name(EndedBy ended_by) {
    auto number = static_cast<u32>(ended_by);
    return number < sizeof kEndedBy / sizeof kEndedBy[0] ? kEndedBy[number] : Str("unknown");
}

Str stream_name(Stream stream) {
    return stream > kLastStream ? kStreams[0] : kStreams[static_cast<u32>(stream)];
}

Stream stream_kind(u32 mode, Str target) {
    if (S_ISFIFO(mode)) return Stream::pipe;
    if (S_ISSOCK(mode)) return Stream::socket;
    if (S_ISREG(mode)) return Stream::file;
    bool terminal = starts_with(target, "/dev/pts/") || starts_with(target, "/dev/tty") ||
                    starts_with(target, "/dev/console");
    return S_ISCHR(mode) && terminal ? Stream::terminal : Stream::none;
}

Str guard_name(Guard guard) {
    return guard_row(guard).name;
}
Str why_no_guard(Guard guard) {
    return guard_row(guard).why;
}

Str outcome_name(Outcome outcome) {
    return outcome_row(outcome).name;
}
Str outcome_text(Outcome outcome) {
    return outcome_row(outcome).text;
}

}  // namespace leakshim::ledger
