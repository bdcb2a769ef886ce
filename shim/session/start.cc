// SPDX-License-Identifier: MIT
//
// How a process comes to its session: it joins the one named in its environment, or starts one.
#include <errno.h>

#include "create.h"
#include "ending.h"
#include "env_block.h"
#include "follow.h"
#include "guard.h"
#include "own_tool.h"
#include "proc.h"
#include "self.h"
#include "shells.h"
#include "sys.h"
#include "test_runner.h"

namespace leakshim::session {

namespace {

using ledger::Author;
using ledger::Counter;
using ledger::Handle;
using ledger::Header;
using ledger::ProcessTail;
using ledger::Record;

constexpr int kMaxAncestry = 16;

bool is_ancestor(const Header& header, int pid) {
    for (u32 i = 0; i < header.root_ancestors && i < 32; ++i) {
        if (header.ancestors[i] == pid) return true;
    }
    return false;
}

bool leads_to_session(ledger::Ledger& ledger, int ppid) {
    const Header& header = *ledger.header();
    if (ppid <= 1 || is_ancestor(header, ppid)) return true;
    for (int step = 0; step < kMaxAncestry; ++step) {
        if (ledger::find_process(ledger, ppid) != 0) return true;
        ProcessStat stat;
        if (ppid <= 1 || is_ancestor(header, ppid) || !read_process_stat(ppid, stat)) return false;
        ppid = stat.ppid;
    }
    return false;
}

/// True when this process descends from the session, as far as its living ancestors show: up the chain of
/// parents a member comes before init or the root's own ancestors do; or the parent is one that orphans are
/// given to. A child of an innocent server that did us a favour, with our environment, is none of ours.
bool descends_from_session(ledger::Ledger& ledger) {
    int ppid = sys::getppid(), before = 0;
    do {
        if (leads_to_session(ledger, ppid)) return true;
        // One that lost its parent while it asked has another by now.
        before = ppid, ppid = sys::getppid();
    } while (ppid != before);
    return false;
}

/// Is our pid known, with our pidfd's inode? Its number belongs to one process in all name spaces, so that
/// this is the one that our pid was written down in.
bool is_known(Session& session, u64 inode) {
    if (inode == 0) return false;
    Handle known = ledger::find_process(session.ledger, session.pid);
    return known != 0 && session.ledger.at(known)->a == inode;
}

/// Pids of another name space mean other processes to us.
bool is_in_name_space(Session& session, const PidIdentity& own) {
    if (is_known(session, own.inode())) return true;
    u64 space = own.space();
    return (space != 0 ? space : pid_namespace()) == session.ledger.header()->pid_namespace;
}

/// The record that this very process has already, from before an exec or from its parent.
Handle find_own_record(Session& session, const Author& author, u64 inode) {
    Handle known = ledger::find_process(session.ledger, session.pid);
    if (known == 0) return 0;
    Record& record = *session.ledger.at(known);
    bool by_inode = inode != 0 && record.a != 0;
    ProcessStat stat;
    bool comparable = by_inode || read_process_stat(session.pid, stat);
    if (comparable && ledger::is_made_for(record, inode, stat.start)) return known;
    ledger::end_process(author, known, -1);
    return 0;
}

void enter(Session& session, ledger::ThreadLease& lease, Handle process) {
    session.self = process;
    auto* tail = ledger::tail_of<ProcessTail>(*session.ledger.at(process));
    session.image = tail->image.load(std::memory_order_relaxed);
    session.scope.store(tail->scope.load(std::memory_order_relaxed), std::memory_order_relaxed);
    lease = ledger::ThreadLease{0, 0, process, session.image};
    session.stage.store(Stage::recording, std::memory_order_release);
}

/// The scope that started this process, where its environment says so; else 0.
[[gnu::noinline]] Handle given_scope(Session& session, const Startup& startup) {
    char buffer[2048];
    u64 handle = 0;
    bool given = parse_decimal(variable(startup, kScopeKey, buffer, sizeof buffer), handle);
    if (!given || handle > ~Handle{0}) return 0;
    auto scope = static_cast<Handle>(handle);
    return ledger::scope_at(session.ledger, scope) != nullptr ? scope : 0;
}

/// Scope in which this process starts, where it was not told: the test of its own PYTEST_CURRENT_TEST, bats'
/// test, its parent's scope, or its own command line.
/// `known`: its parent has written it down with its scope; which one the parent is in by now says nothing,
/// since it may have begun another.
Handle guessed_scope(Session& session, const Author& author, const Startup& startup, Handle parent,
                     Str command, bool known) {
    char buffer[2048];
    Str test = variable(startup, "PYTEST_CURRENT_TEST=", buffer, sizeof buffer);
    if (!test.empty()) return ledger::intern_scope(author, test_name(test));
    test = variable(startup, "BATS_TEST_NAME=", buffer, sizeof buffer);
    if (!test.empty()) return ledger::intern_scope(author, test);
    Record* record = session.ledger.at(parent);
    if (record == nullptr) return 0;
    auto* tail = ledger::tail_of<ProcessTail>(*record);
    Handle scope = known ? 0 : tail->scope.load(std::memory_order_relaxed);
    u32 size = tail->command_size;
    bool is_test =
        scope == 0 && size <= ledger::kMaxCommand && runs_tests_as_children(Str(tail->command, size));
    if (!is_test) return scope;
    Text<256> name;
    add_test_of_command(command, name);
    return ledger::intern_scope(author, name.str());
}

Handle first_scope(Session& session, const Author& author, const Startup& startup, Handle parent, Str command,
                   bool known) {
    Handle scope = given_scope(session, startup);
    return scope != 0 ? scope : guessed_scope(session, author, startup, parent, command, known);
}

/// What our parent has left word of, if libc has started us for it as a shell.
struct Told {
    u64 key = 0;  ///< 0: it has not, or did not start us so
    Handle scope = 0;
};

Told what_shell_was_told(Session& session, Handle parent, Str arguments) {
    Str command;
    if (parent == 0 || !ledger::find_shell_command(arguments, command)) return {};
    Told told{ledger::shell_key(parent, command), 0};
    if (!ledger::was_shell_told(session.ledger, parent, told.key, told.scope)) told.key = 0;
    return told;
}

[[gnu::noinline]] bool register_process(Session& session, ledger::ThreadLease& lease, const Startup& startup,
                                        u64 inode, Str command) {
    Author author{session.ledger, lease};
    author.now = sys::boottime();
    Handle known = find_own_record(session, author, inode);
    int ppid = sys::getppid();
    Handle parent = ledger::find_process(session.ledger, ppid);
    if (known != 0) {
        Record& record = *session.ledger.at(known);
        auto* tail = ledger::tail_of<ProcessTail>(record);
        bool expected = (record.flags.load(std::memory_order_relaxed) & ledger::flag::kExpected) != 0;
        if (expected) ledger::count_arrival(session.ledger);
        // One that was forked in no scope may be a test by its command.
        if (expected || tail->scope.load(std::memory_order_relaxed) == 0) {
            Handle scope = first_scope(session, author, startup, parent, command, true);
            if (scope != 0) tail->scope.store(scope, std::memory_order_relaxed);
        }
        record.flags.fetch_and(static_cast<u8>(~(ledger::flag::kExpected | ledger::flag::kBlind)));
        if (session.options.keep && !session.root) record.flags.fetch_or(ledger::flag::kKeep);
        tail->image.store(ledger::next_image(session.ledger), std::memory_order_relaxed);
        ledger::set_command(record, command);
        enter(session, lease, known);
        return true;
    }
    // What its environment says is older than what it was told.
    Told told = what_shell_was_told(session, parent, command);
    author.scope = told.scope;
    if (told.key == 0)
        author.scope = first_scope(session, author, startup, parent, command, false);
    else if (told.scope == 0)
        author.scope = guessed_scope(session, author, startup, parent, command, true);
    ledger::NewProcess process;
    process.pid = session.pid;
    process.ppid = ppid;
    process.uid = sys::geteuid();
    process.pidfd_inode = inode;
    process.parent = parent;
    process.flags = session.root ? ledger::flag::kRoot : session.options.keep ? ledger::flag::kKeep : u8{0};
    process.command = command;
    Handle handle = ledger::add_process(author, process);
    if (handle == 0) return false;
    if (session.root)
        session.ledger.count(Counter::processes);
    else
        ledger::count_arrival(session.ledger);
    if (told.key != 0) ledger::answer_as_shell(session.ledger, told.key, handle);
    enter(session, lease, handle);
    return true;
}

[[gnu::noinline]] bool register_with_copy(Session& session, ledger::ThreadLease& lease,
                                          const Startup& startup, u64 inode) {
    Text<3840> command;
    return register_process(session, lease, startup, inode, command_line(startup, command));
}

/// Registers this process, or goes on as the one it was before an exec. False when the ledger has no room.
/// `inode`: that of this process's pidfd.
bool register_process(Session& session, ledger::ThreadLease& lease, const Startup& startup, u64 inode) {
    Str command = command_line_in_place(startup);
    if (command.empty()) return register_with_copy(session, lease, startup, inode);
    return register_process(session, lease, startup, inode, command);
}

void join(Session& session, ledger::ThreadLease& lease, const Startup& startup, Str path) {
    Text<512> name;
    name.add(path);
    // "none", or whatever else is no path of ours.
    if (path.front() != '/' || name.truncated()) return;
    int answer = session.ledger.attach(name.c_str());
    bool is_of_another_user = answer == -EACCES || answer == -EPERM;
    if (answer != 0 && !(is_of_another_user && attach_following_ledger(session, startup, path))) return;
    const Header& header = *session.ledger.header();
    // One that is executed while the session ends joins too: what it makes until it is ended must be known.
    bool live = header.phase.load(std::memory_order_acquire) != static_cast<u32>(ledger::Phase::ended);
    PidIdentity own(session.pid);
    // One of another name space is found by its lineage only.
    if (live && is_in_name_space(session, own)) {
        remember_session(session, session.ledger.path());
        bool was_root = session.pid == header.root_pid;
        if (!was_root && !descends_from_session(session.ledger)) {
            session.ledger.count(Counter::favours);
        } else if (register_process(session, lease, startup, own.inode())) {
            session.root = was_root && session.self == header.root;
            // An exec may have taken the settings out of the root's environment: those that the session began
            // with stay.
            if (session.root) settings_of(header, session.options);
            // An exec loads another image: what it finds as stderr is what its report may go to.
            if (session.root)
                session.stderr_at_load = session.ledger.header()->stderr_at_load = file_id(2, "");
            if (!session.options.keep) return;
            // Exempt, with its descendants: known to the session, but no part of it.
            session.stage.store(Stage::off, std::memory_order_release);
        }
    } else if (live) {
        session.ledger.count(Counter::left_ledger);
    }
    session.ledger.detach();
}

void create(Session& session, ledger::ThreadLease& lease, const Startup& startup, TextBuffer& complaints) {
    if (session.options.keep || !may_start_session(session.options, startup)) return;
    if (session.options.help) print_options_help(complaints);
    session.root = true;
    bool made = create_session(session, startup, complaints);
    if (!made || !register_process(session, lease, startup, pidfd_inode_of(session.pid))) {
        // Never sealed, it would be the newest session for ever, and nobody's.
        if (made) sys::unlinkat(AT_FDCWD, session.ledger.path(), 0);
        session.root = false;
        session.refused = true;
        remember_session(session, kNoSession);
        return;
    }
    session.ledger.header()->root = session.self;
    session.stderr_at_load = file_id(2, "");
    session.ledger.seal();
    if (!session.options.guard) {
        session.ledger.header()->guard = static_cast<u32>(ledger::Guard::off);
        return;
    }
    start_guard(session.ledger, session.preload_entry);
}

/// Apart, since what it takes of the stack would be a page more for each process that joins.
[[gnu::noinline]] void start_new(Session& session, ledger::ThreadLease& lease, const Startup& startup) {
    Text<4096> complaints;
    read_settings(session, startup, complaints);
    if (session.options.off) return;
    remember_preload(session, startup);
    create(session, lease, startup, complaints);
    if (complaints.size() != 0) complain(complaints);
}

}  // namespace

Str test_name(Str current_test) {
    // "tests/test_a.py::test_b[c d] (call)": the phase in parentheses is no part of the name.
    size_t end = current_test.size();
    if (end < 4 || current_test[end - 1] != ')') return current_test;
    while (end != 0 && current_test[end - 1] != '(')
        --end;
    if (end < 2 || current_test[end - 2] != ' ') return current_test;
    return Str(current_test.data(), end - 2);
}

void start(Session& session, ledger::ThreadLease& lease, const Startup& startup) {
    session.pid = sys::getpid();
    if (is_own_tool(startup)) {
        session.stage.store(Stage::off, std::memory_order_release);
        return;
    }
    char buffer[512];
    Str path = variable(startup, kSessionKey, buffer, sizeof buffer);
    if (path.empty()) {
        start_new(session, lease, startup);
    } else {
        Text<1> unsaid;  // what is wrong with the settings the root has said
        read_settings(session, startup, unsaid);
        if (!session.options.off) {
            remember_preload(session, startup);
            join(session, lease, startup, path);
        }
    }
    if (session.stage.load(std::memory_order_relaxed) != Stage::recording) {
        session.stage.store(Stage::off, std::memory_order_release);
    }
}

namespace {

/// Writes down this fork of `parent`. 0 when the ledger has no room.
Handle add_forked_child(Session& session, const Author& author, Handle parent, u64 inode) {
    Record* from = session.ledger.at(parent);
    ledger::NewProcess process;
    process.pid = session.pid;
    process.ppid = sys::getppid();
    process.uid = sys::geteuid();
    process.pidfd_inode = inode;
    process.parent = parent;
    if (from != nullptr && from->kind == ledger::Kind::process) {
        auto* tail = ledger::tail_of<ProcessTail>(*from);
        process.command =
            Str(tail->command, tail->command_size <= ledger::kMaxCommand ? tail->command_size : 0);
    }
    return ledger::add_process(author, process);
}

/// The record that its parent has made for this fork: a live one that bears another number is ours in another
/// pid namespace. 0 where there is none, or none any more.
Handle find_own_fork(Session& session, const Forked& forked, ledger::State& state) {
    Record* record = session.ledger.at(forked.record);
    u32 word = record == nullptr ? 0 : record->state.load(std::memory_order_acquire);
    state = ledger::state_of(word);
    bool there = state == ledger::State::live || state == ledger::State::intent;
    bool ours =
        there && ledger::generation_of(word) == forked.generation && record->kind == ledger::Kind::process;
    return ours ? forked.record : 0;
}

/// A fork that its parent has not made known: no hook saw it, or it was faster, or its parent is dead.
/// `same_space`: becomes false where its pid means another process to the ledger's readers.
Handle register_forked_child(Session& session, const Author& author, const Forked& forked, Handle intent,
                             bool& same_space) {
    PidIdentity own(session.pid);
    same_space = is_in_name_space(session, own);
    if (!same_space) return 0;
    if (intent != 0) {
        ledger::commit_fork(author, intent, session.pid, own.inode());
        return intent;
    }
    Handle handle = 0;
    // A session that ends looks for its processes itself, and may have found this one.
    auto phase = static_cast<ledger::Phase>(session.ledger.header()->phase.load(std::memory_order_acquire));
    if (phase == ledger::Phase::ending) handle = find_own_record(session, author, own.inode());
    if (handle == 0) handle = add_forked_child(session, author, forked.parent, own.inode());
    if (handle != 0) ledger::count_arrival(session.ledger);
    return handle;
}

}  // namespace

bool start_forked_child(Session& session, ledger::ThreadLease& lease, const Forked& forked) {
    session.pid = sys::getpid();
    session.root = false;
    auto phase = static_cast<ledger::Phase>(session.ledger.header()->phase.load(std::memory_order_acquire));
    lease = ledger::ThreadLease{};
    ledger::State state = ledger::State::free;
    Handle own = find_own_fork(session, forked, state);
    bool by_parent = own != 0 && state == ledger::State::live;
    bool same_space =
        !by_parent || session.ledger.at(own)->number.load(std::memory_order_relaxed) == session.pid;
    Handle handle = 0;
    if (by_parent && same_space && phase != ledger::Phase::ended) handle = own;
    if (!by_parent && phase != ledger::Phase::ended) {
        Author author{session.ledger, lease};
        author.now = sys::boottime();
        author.scope = forked.scope;
        handle = register_forked_child(session, author, forked, own, same_space);
    }
    if (!same_space) session.ledger.count(Counter::left_ledger);
    if (handle == 0)
        session.stage.store(Stage::off, std::memory_order_release);
    else
        enter(session, lease, handle);
    return by_parent;
}

void note_identity(Session& session) {
    Record* self = session.ledger.at(session.self);
    if (self == nullptr || self->a != 0) return;
    std::atomic_ref<u64>(self->a).store(pidfd_inode_of(session.pid), std::memory_order_relaxed);
}

void leave(Session& session) {
    if (session.stage.load(std::memory_order_relaxed) != Stage::recording) return;
    note_identity(session);
    session.ledger.count(Counter::left_ledger);
    ledger::add_member(*session.ledger.header(), sys::geteuid());
    session.stage.store(Stage::off, std::memory_order_release);
    session.ledger.abandon();
}

}  // namespace leakshim::session
