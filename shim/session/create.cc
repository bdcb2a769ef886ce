// SPDX-License-Identifier: MIT
#include "create.h"

#include <errno.h>

#include "directory.h"
#include "proc.h"
#include "roots.h"
#include "self.h"
#include "sweep.h"
#include "sys.h"

namespace leakshim::session {

namespace {

using ledger::Header;

constexpr int kMaxAncestors = 32;

constexpr size_t kPidDigits = 8;

/// The root's pid first: whoever can't read the ledger knows from its name whom to wait for.
void make_id(TextBuffer& to) {
    u64 words[2] = {};
    if (sys::getrandom(words, sizeof words) != sizeof words) {
        words[0] = hash_pair(sys::boottime(), static_cast<u64>(sys::getpid()));
        words[1] = sys::clock(CLOCK_REALTIME);
    }
    words[0] = words[0] >> 32 | static_cast<u64>(sys::getpid()) << 32;
    to.add_hex(words[0], 16).add_hex(words[1], 16);
}

/// The root's parent, its parent, and so on: where orphans may land, and where nobody is ours.
void fill_ancestors(Header& header) {
    int pid = sys::getppid();
    while (pid > 0 && header.root_ancestors < kMaxAncestors) {
        header.ancestors[header.root_ancestors++] = pid;
        ProcessStat stat;
        if (pid == 1 || !read_process_stat(pid, stat)) break;
        pid = stat.ppid;
    }
}

u32 flags_of(const Options& options) {
    u32 flags = 0;
    if (options.reap) flags |= ledger::session_flag::kReap;
    if (options.fail) flags |= ledger::session_flag::kFail;
    if (options.ci) flags |= ledger::session_flag::kCi;
    if (options.tmp == TempPolicy::keep_on_failure) flags |= ledger::session_flag::kKeepOnFailure;
    if (options.stacks == Stacks::fp) flags |= ledger::session_flag::kStacksFp;
    if (options.stacks == Stacks::unwind) flags |= ledger::session_flag::kStacksUnwind;
    if (!sys::has_children()) flags |= ledger::session_flag::kBornChildless;
    return flags;
}

template <u32 kSize>
void fill_text(ledger::TextList<kSize>& list, Str text) {
    u32 size = text.size() < sizeof list.text - 1 ? static_cast<u32>(text.size()) : sizeof list.text - 1;
    for (u32 i = 0; i < size; ++i)
        list.text[i] = text[i];
    list.text[size] = '\0';
    list.size = size == 0 ? 0 : size + 1;
}

void fill_command(Header& header, const Startup& startup) {
    TextBuffer text(header.command.text, sizeof header.command.text);
    command_line(startup, text);
    header.command.size = static_cast<u32>(text.size());
    if (text.truncated())
        ++header.command.size;  // the last argument's NUL did not fit: the buffer's own ends it
}

/// The path made absolute, for those who read the rules later and elsewhere.
void fill_rules(Header& header, Options& options) {
    Text<sizeof header.rules.text> path;
    if (options.rules.empty() || !normalise_path(header.cwd.text, options.rules, path)) return;
    fill_text(header.rules, path.str());
    options.rules = header.rules.text;
}

void fill_header(Session& session, const Startup& startup, Str id) {
    Header& header = *session.ledger.header();
    TextBuffer(header.id, sizeof header.id).add(id);
    long size = read_file("/proc/sys/kernel/random/boot_id", header.boot_id, sizeof header.boot_id - 1);
    while (size > 0 && header.boot_id[size - 1] == '\n')
        header.boot_id[--size] = '\0';
    header.pid_namespace = pid_namespace();
    header.ipc_namespace = ipc_namespace();
    header.uid = sys::geteuid();
    header.root_pid = sys::getpid();
    header.flags = flags_of(session.options);
    header.created_realtime = sys::clock(CLOCK_REALTIME);
    header.created_boottime = sys::boottime();
    header.stdout_at_load = file_id(1, "");
    header.stderr_at_load = file_id(2, "");
    header.mono_to_boot = header.created_boottime - sys::clock(CLOCK_MONOTONIC);
    fill_ancestors(header);
    fill_command(header, startup);
    char home[4096], tmpdir[4096];
    fill_roots(header, startup.arguments, variable(startup, "HOME=", home, sizeof home),
               variable(startup, "TMPDIR=", tmpdir, sizeof tmpdir), session.options.temp_roots);
    char options[4096];
    fill_text(header.options, variable(startup, "LEAKSHIM_OPTIONS=", options, sizeof options));
    fill_rules(header, session.options);
    fill_text(header.home, session.home);
}

Str program_name(const Startup& startup, TextBuffer& to) {
    Text<4096> command;
    Str line = command_line(startup, command);
    Str name = take_until(line, '\0');
    while (!name.empty()) {
        Str part = take_until(name, '/');
        to.clear();
        to.add(part);
    }
    return to.str();
}

/// Why a ledger can't be made, and what to do about it.
void explain(int answer, TextBuffer& to) {
    switch (-answer) {
        case ENOSPC:
        case EDQUOT:
            to.add("there is no room, and it needs 300 KiB and an inode; free some");
            return;
        case EFBIG:
            to.add("the limit of a file's size (ulimit -f) is below a MiB; raise it");
            return;
        case ENOMEM:
            to.add("the limit of address space (ulimit -v) leaves no MiB for it; raise it");
            return;
        case EMFILE:
        case ENFILE:
            to.add("no descriptor is left to make it with (ulimit -n); raise that limit");
            return;
        case EACCES:
        case EPERM:
        case EROFS:
            to.add("the directory can't be written to; change that");
            return;
        default:
            to.add("the system says errno ").add_decimal(static_cast<u64>(-answer)).add("; see to that");
    }
}

int create_ledger(Session& session, const Startup& startup, Str directory, Str id) {
    Text<512> path;
    path.add(directory).add('/').add(id).add(".ledger");
    int answer = path.truncated() ? -ENAMETOOLONG : session.ledger.create(path.c_str());
    if (answer != 0) return answer;
    fill_header(session, startup, id);
    remember_session(session, path.str());
    return 0;
}

}  // namespace

int root_pid_of(Str id) {
    u64 pid = 0;
    if (id.size() != kIdSize) return 0;
    for (char c : Str(id.data(), kPidDigits)) {
        bool is_digit = c >= '0' && c <= '9';
        if (!is_digit && (c < 'a' || c > 'f')) return 0;
        pid = pid << 4 | static_cast<u64>(is_digit ? c - '0' : c - 'a' + 10);
    }
    return pid <= 0x7fffffff ? static_cast<int>(pid) : 0;
}

int create_following(Session& session, const Startup& startup, Str directory, const Followed& followed) {
    int answer = create_ledger(session, startup, directory, followed.id);
    if (answer != 0) return answer;
    Header& header = *session.ledger.header();
    header.root_pid = followed.root_pid;
    header.flags |= ledger::session_flag::kFollows;
    return 0;
}

bool may_start_session(const Options& options, const Startup& startup) {
    if (options.roots.empty()) return true;
    Text<256> buffer;
    Str name = program_name(startup, buffer);
    Str globs = options.roots;
    while (!globs.empty()) {
        if (glob_match(take_until(globs, ','), name)) return true;
    }
    return false;
}

bool create_session(Session& session, const Startup& startup, TextBuffer& complaints) {
    DirectoryPath directory;
    if (!find_directory(session.options.dir, directory, complaints)) return false;
    sweep_directory(directory.str(), session.options);
    Text<48> id;
    make_id(id);
    int answer = create_ledger(session, startup, directory.str(), id.str());
    if (answer == 0) return true;
    complaints.add("the ledger ").add_safe(directory.str()).add('/').add(id.str()).add(".ledger");
    complaints.add(" can't be made, so nothing is recorded: ");
    explain(answer, complaints);
    complaints.add("; or set LEAKSHIM_DIR to another directory of yours\n");
    return false;
}

}  // namespace leakshim::session
