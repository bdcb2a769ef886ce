// SPDX-License-Identifier: MIT
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "directory.h"
#include "encoding.h"
#include "ledger_dirs.h"
#include "library.h"
#include "pointers.h"
#include "program.h"
#include "reader.h"
#include "self.h"
#include "sessions.h"
#include "sys.h"

extern char** environ;

namespace leakshim::tools {

namespace {

constexpr int kSignalStatus = 128;  // added to the number of a signal, as shells do

/// Static, as in a host: neither is small, and both are memory that the kernel gives zeroed.
session::Session the_session;
ledger::ThreadLease the_lease;

void say(const std::string& sentence) {
    complain(kTool, sentence);
}

Str text_of(const Environment& environment, const char* name) {
    const std::string* value = environment.get(name);
    return value == nullptr ? Str{} : Str(*value);
}

/// True when the settings allow no session at all.
bool is_exempt(const Environment& environment) {
    OptionTexts texts;
    texts.leakshim = text_of(environment, "LEAKSHIM");
    texts.keep = text_of(environment, "LEAKSHIM_KEEP");
    Options options;
    Text<512> unheard;
    parse_options(texts, options, unheard);
    return options.off || options.keep;
}

/// `signal` as people know it.
std::string signal_name(int signal) {
    const char* name = sigabbrev_np(signal);
    return name == nullptr ? fmt::format("signal {}", signal) : fmt::format("SIG{}", name);
}

/// Zombies that nobody has asked for: orphans that ended with the command.
void collect_the_dead() {
    while (waitpid(-1, nullptr, WNOHANG | __WALL) > 0) {
    }
}

/// Has the end of the session kept one, by whatever rule?
bool keeps_a_process() {
    ledger::MappedSource source(the_session.ledger);
    ledger::Walker walker(source, *the_session.ledger.header());
    ledger::Line line;
    while (walker.next(line)) {
        bool spared = line.state() == ledger::State::kept || line.state() == ledger::State::failed;
        if (line.kind() == ledger::Kind::process && spared) return true;
    }
    return false;
}

ledger::Counter counter_of(session::Program program) {
    if (program == session::Program::static_linked) return ledger::Counter::blind_static;
    if (program == session::Program::set_id) return ledger::Counter::blind_setid;
    return ledger::Counter::blind_class;
}

}  // namespace

Run::Run(const RunArguments& arguments, char** argv) : arguments_(arguments), environment_(environ) {
    for (; *argv != nullptr; ++argv)
        tool_command_.append(*argv).push_back('\0');
}

bool Run::in_session() const {
    return the_session.stage.load(std::memory_order_relaxed) == session::Stage::recording;
}

int Run::fail(std::string_view why) const {
    say(std::string(why));
    return kOwnFailure;
}

/// Finds everything that may be missing before anything is made.
bool Run::prepare() {
    auto library = find_library(arguments_.library);
    if (!library.ok()) {
        say(std::string(library.status().message()));
        return false;
    }
    library_ = *library;
    apply_settings(arguments_, environment_);
    exempt_ = is_exempt(environment_);
    if (exempt_) return true;
    if (arguments_.cgroup) make_cgroup();
    return !arguments_.private_tmp || make_private_directory();
}

/// What there is no cgroup for is reaped as ever.
void Run::make_cgroup() {
    std::string why = cgroup_.make();
    if (!why.empty())
        say(fmt::format("--cgroup: the command gets none of its own: {}", terminal_safe(why, true)));
}

/// In /tmp, where names are short: the path of a unix socket has 107 bytes.
bool Run::make_private_directory() {
    std::string elsewhere = std::string(text_of(environment_, "TMPDIR"));
    for (std::string directory : {std::string("/tmp"), elsewhere}) {
        if (directory.empty() || directory.front() != '/') continue;
        std::string path = directory + "/ls-XXXXXX";
        if (mkdtemp(path.data()) == nullptr) continue;
        private_directory_ = path;
        environment_.set("TMPDIR", path);
        return true;
    }
    say(fmt::format("no directory for --private-tmp can be made in /tmp: {}", strerror(errno)));
    return false;
}

/// Two that start a session of one name at the same time must not make two.
bool Run::start_in_named_session(session::ToolStart& start, TextBuffer& complaints) {
    session::DirectoryPath directory;
    if (!session::find_directory(text_of(environment_, "LEAKSHIM_DIR"), directory, complaints)) return false;
    int lock = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock >= 0) {
        while (flock(lock, LOCK_EX) != 0 && errno == EINTR) {
        }
    }
    auto named = find_named_session(list_sessions({directory.c_str()}), arguments_.session);
    std::string path = named.ok() ? named->path : "";
    start.ledger_to_join = path;
    bool started = session::start_for_tool(the_session, the_lease, start, complaints);
    if (lock >= 0) close(lock);
    return started;
}

bool Run::start_session() {
    Environment settings = environment_;
    if (arguments_.ci) settings.set("CI", "1");
    std::vector<char*> entries = settings.block();
    std::vector<char*> command = pointers_to(arguments_.command);
    session::ToolStart start{
        {command.data(), entries.data()}, library_, arguments_.session, tool_command_, {}};
    Text<4096> complaints;
    bool started = arguments_.session.empty()
                       ? session::start_for_tool(the_session, the_lease, start, complaints)
                       : start_in_named_session(start, complaints);
    if (complaints.size() != 0) session::complain(complaints);
    if (!started) {
        if (!private_directory_.empty()) rmdir(private_directory_.c_str());
        say("there is no session to be had, so the command was not run");
        return false;
    }
    if (!private_directory_.empty() &&
        session::record_private_directory(the_session, the_lease, private_directory_) == 0)
        say(fmt::format("{} could not be recorded, and will be left behind", private_directory_));
    return true;
}

/// The command's pid, or a negated errno.
pid_t Run::start() {
    CommandStart start{};
    Text<4096> path;
    session::find_in_path(arguments_.command.front().c_str(), text_of(environment_, "PATH"), path);
    start.path = path.c_str();
    start.signals = signals_;
    start.cgroup = cgroup_.entrance();
    if (in_session()) {
        session::Program program = session::inspect_program(AT_FDCWD, path.c_str());
        // ld.so would print an error about a library of another class.
        if (program == session::Program::other_class)
            remove_preload(environment_);
        else
            add_preload(library_, environment_);
        Str entry = the_session.session_entry;
        take_until(entry, '=');
        environment_.set("LEAKSHIM_SESSION", std::string(entry));
        if (program == session::Program::ordinary)
            the_session.ledger.header()->births.fetch_add(1, std::memory_order_relaxed);
        else
            the_session.ledger.count(counter_of(program));
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        the_session.adopts_orphans = true;
    }
    start.arguments = pointers_to(arguments_.command);
    start.environment = environment_.block();
    witness_.start();
    return start_command(start);
}

int Run::not_started(int error) {
    say(fmt::format("{}: {}", terminal_safe(arguments_.command.front(), true), strerror(error)));
    int status = error == ENOENT || error == ENOTDIR ? kNotFound : kCannotExecute;
    end_session(status);
    return status;
}

/// A named session goes on: what is known of its processes only by their being our children is written down.
void Run::end_session(int& status, ledger::EndedBy how) {
    witness_.end();
    collect_the_dead();
    if (!in_session()) return;
    if (the_session.root) {
        status = session::end(the_session, the_lease, status, how);
        end_cgroup();
        return;
    }
    Orphans(the_session, the_lease, childless_).look_for_the_last_time();
    session::leave_named_session(the_session, the_lease);
}

/// Who is a member still has outrun the end of the session, or is to be kept.
void Run::end_cgroup() {
    std::vector<pid_t> left = cgroup_.members();
    bool reaps = (the_session.ledger.header()->flags & ledger::session_flag::kReap) != 0;
    if (!left.empty() && reaps && !keeps_a_process()) {
        say(fmt::format("{} left in the cgroup of the command when all else was done: killed with it",
                        left.size() == 1 ? "1 process was" : fmt::format("{} processes were", left.size())));
        cgroup_.kill();
    }
    cgroup_.dissolve();
}

int Run::finish(const CommandEnd& end) {
    int status = end.signal != 0 ? kSignalStatus + end.signal : end.status;
    if (end.timed_out) {
        Text<64> time;
        time.add_duration(arguments_.timeout);
        fmt::print(stderr,
                   "leakshim: the command was still running after {}, its --timeout, and was ended ({})\n",
                   time.str(), signal_name(end.asked_with));
        status = kTimedOut;
    }
    end_session(status, end.timed_out ? ledger::EndedBy::timeout : ledger::EndedBy::exit);
    if (end.signal != 0 && !end.timed_out) end_by_signal(end.signal);
    return status;
}

int Run::run() {
    bool has_stderr = fill_standard_descriptors();
    signals_ = take_over_signals();
    childless_ = !sys::has_children();
    // One that survived an exec would make the guard, which starts soon, a child of ours.
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    if (!prepare()) return kOwnFailure;
    if (exempt_)
        the_session.stage.store(session::Stage::off, std::memory_order_relaxed);
    else if (!start_session())
        return kOwnFailure;
    // The report goes beside the ledger then, not into our stopgap.
    if (!has_stderr) the_session.stderr_at_load = {};
    if (!has_stderr && in_session()) the_session.ledger.header()->stderr_at_load = {};
    pid_t command = start();
    if (command < 0) return not_started(-command);
    let_go_of_descriptors({witness_.descriptor()});
    int signals = open_signals();
    if (signals < 0) {
        // No descriptor to be had, with three open: nothing is known to bring this about.
        kill(command, SIGKILL);
        return fail(fmt::format("signals can't be read: {}", strerror(errno)));
    }
    Orphans orphans(the_session, the_lease, childless_);
    HangWatch hang(the_session, command);
    Supervisor supervisor(command, signals, witness_, in_session() ? &orphans : nullptr, hang,
                          the_session.options, arguments_.timeout);
    return finish(supervisor.wait());
}

}  // namespace leakshim::tools
