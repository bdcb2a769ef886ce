// SPDX-License-Identifier: MIT
#include "tool.h"

#include "create.h"
#include "env_block.h"
#include "guard.h"
#include "proc.h"
#include "self.h"
#include "sys.h"

namespace leakshim::session {

namespace {

using ledger::Author;
using ledger::Guard;
using ledger::Handle;
using ledger::Header;

/// A named session outlives the tool that makes it: nobody is its root.
void make_named(Header& header, Str name) {
    header.root_pid = 0;
    header.flags |= ledger::session_flag::kNamed;
    header.guard = static_cast<u32>(Guard::no_root);
    TextBuffer(header.name.text, sizeof header.name.text).add(name);
    header.name.size = static_cast<u32>(name.size() + 1);
}

bool register_tool(Session& session, ledger::ThreadLease& lease, const ToolStart& start) {
    Author author{session.ledger, lease};
    author.now = sys::boottime();
    ledger::NewProcess process;
    process.pid = session.pid;
    process.ppid = sys::getppid();
    process.uid = sys::geteuid();
    process.pidfd_inode = pidfd_inode_of(session.pid);
    // In a named session too: a reaper ends what the tool runs, and the tool ends with that. It may well be
    // older than the session that it joins, which nothing that is to be ended can be.
    process.flags = ledger::flag::kRoot;
    process.command = start.tool_command;
    session.self = ledger::add_process(author, process);
    if (session.self == 0) return false;
    auto* tail = ledger::tail_of<ledger::ProcessTail>(*session.ledger.at(session.self));
    session.image = tail->image.load(std::memory_order_relaxed);
    lease = ledger::ThreadLease{0, 0, session.self, session.image};
    session.stage.store(Stage::recording, std::memory_order_release);
    return true;
}

bool create(Session& session, ledger::ThreadLease& lease, const ToolStart& start, TextBuffer& complaints) {
    if (!create_session(session, start.command, complaints)) return false;
    Header& header = *session.ledger.header();
    session.root = start.name.empty();
    if (!session.root) make_named(header, start.name);
    if (!register_tool(session, lease, start)) {
        sys::unlinkat(AT_FDCWD, session.ledger.path(), 0);
        complaints.add("the ledger has no room for its first record, so nothing is recorded\n");
        return false;
    }
    if (session.root) header.root = session.self;
    session.ledger.seal();
    if (!session.root) return true;
    if (session.options.guard)
        start_guard(session.ledger, start.library);
    else
        header.guard = static_cast<u32>(Guard::off);
    return true;
}

bool join(Session& session, ledger::ThreadLease& lease, const ToolStart& start, TextBuffer& complaints) {
    Text<512> path;
    path.add(start.ledger_to_join);
    bool joined = !path.truncated() && session.ledger.attach(path.c_str()) == 0;
    if (joined && session.ledger.header()->pid_namespace == pid_namespace() &&
        register_tool(session, lease, start)) {
        remember_session(session, path.str());
        return true;
    }
    complaints.add("the ledger of session ").add_safe(start.name).add(", ").add_safe(path.str());
    complaints.add(", can't be joined: it is damaged, full, or of another pid namespace\n");
    return false;
}

}  // namespace

bool start_for_tool(Session& session, ledger::ThreadLease& lease, const ToolStart& start,
                    TextBuffer& complaints) {
    session.pid = sys::getpid();
    read_settings(session, start.command, complaints);
    TextBuffer(session.preload_entry, sizeof session.preload_entry).add(start.library);
    session.stderr_at_load = file_id(2, "");
    if (session.options.off || session.options.keep) {
        session.stage.store(Stage::off, std::memory_order_release);
        return true;
    }
    if (!start.ledger_to_join.empty()) return join(session, lease, start, complaints);
    if (session.options.help) print_options_help(complaints);
    return create(session, lease, start, complaints);
}

ledger::Handle record_private_directory(Session& session, ledger::ThreadLease& lease, Str path) {
    Author author{session.ledger, lease, session.self};
    author.now = sys::boottime();
    Text<512> name;
    name.add(path);
    Handle handle = ledger::begin_named(author, ledger::Kind::temp_dir, path,
                                        ledger::flag::kByName | ledger::flag::kPrivate);
    ledger::commit_named(author, handle, file_id(AT_FDCWD, name.c_str()));
    return handle;
}

Handle record_adopted(Session& session, ledger::ThreadLease& lease, int pid, Handle parent) {
    Author author{session.ledger, lease};
    author.now = sys::boottime();
    ledger::NewProcess process;
    process.pid = pid;
    process.pidfd_inode = pidfd_inode_of(pid);
    ProcessStat stat;
    if (!read_process_stat(pid, stat) || stat.dead()) return 0;
    process.start = stat.start;
    if (Handle recorded = ledger::other_record_of(session.ledger, process, 0); recorded != 0) return recorded;
    process.ppid = stat.ppid;
    process.parent = parent;
    process.flags = ledger::flag::kByScan | ledger::flag::kBlind;
    ProcessSignals status;
    if (read_process_signals(pid, status)) process.uid = status.uid;
    char command[ledger::kMaxCommand];
    long size = read_process_file(pid, "cmdline", command, sizeof command);
    if (size > 0) process.command = Str(command, static_cast<size_t>(size));
    Handle mine = ledger::add_process(author, process);
    if (mine == 0) return 0;
    // Where it registered itself in this moment, its own record stays.
    if (Handle own = ledger::other_record_of(session.ledger, process, mine); own != 0) {
        ledger::end_process(author, mine, -1);
        return own;
    }
    session.ledger.count(ledger::Counter::blind_scan);
    return mine;
}

void leave_named_session(Session& session, ledger::ThreadLease& lease) {
    session.ledger.drop_lease(lease);
    Author author{session.ledger, lease};
    ledger::end_process(author, session.self, -1);
    session.stage.store(Stage::off, std::memory_order_release);
}

}  // namespace leakshim::session
