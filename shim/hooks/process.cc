// SPDX-License-Identifier: MIT
//
// Hooks of processes: how they begin, how they are waited for, and when one changes its user. vfork is
// assembly (vfork_*.S), since a C function can't return twice from one frame.
#include <pty.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "births.h"
#include "cancelled.h"
#include "carry.h"
#include "confined.h"
#include "exit.h"
#include "lookup.h"
#include "record.h"
#include "sys.h"

using namespace leakshim;
using namespace leakshim::hooks;

namespace leakshim::hooks {

namespace {

/// Looks up what a child calls as a rule before it has called anything else: in the child each of these would
/// cost pages of libc's tables, and a page of ours copied.
void resolve_for_children() {
    constexpr Hook kLast = Hook::_exit;
    if (real_addresses[static_cast<u32>(kLast)].load(std::memory_order_relaxed) != nullptr) return;
    for (Hook hook : {Hook::execve, Hook::dup2, Hook::close, kLast})
        resolve(hook);
}

/// Runs `real`, a fork of whatever kind; the child comes out of it as a process of its own.
/// `registers_itself`: see ForkedChild.
template <typename Call>
pid_t fork_noted(Call real, bool registers_itself = false) {
    resolve_for_children();
    ForkedChild child(registers_itself);
    pid_t pid = real();
    if (pid == 0)
        child.begin();
    else
        child.born(pid);
    return pid;
}

/// After a change of uid that can't be taken back, the ledger is another user's.
int uid_changed(int result) {
    if (result != 0 || !recording()) return result;
    u32 real = 0, effective = 0, saved = 0;
    sys::call(SYS_getresuid, sys::ptr(&real), sys::ptr(&effective), sys::ptr(&saved));
    u32 owner = the_header().uid;
    if (real != owner && effective != owner && saved != owner) {
        session::leave(the_session());
        close_all_ways();
    }
    return result;
}

}  // namespace

}  // namespace leakshim::hooks

HOOK_BODY(pid_t, fork, (void)) {
    return fork_noted([] { return REAL(fork)(); });
}
HOOK_ALIAS(pid_t, __fork, fork, (void));
HOOK_ALIAS(pid_t, __libc_fork, fork, (void));

HOOK_BODY(pid_t, _Fork, (void)) {
    return fork_noted([] { return REAL(_Fork)(); });
}

namespace {

/// libc's daemon() ends the calling process inside libc, where no hook sees it. The root's own end must not
/// be missed, so for the root the same steps are taken here (daemon(3)).
int daemonise_root(int keep_directory, int keep_streams) {
    pid_t pid = fork_noted([] { return REAL(fork)(); });
    if (pid < 0) return -1;
    if (pid > 0) REAL(_exit)(leave_process(0, ledger::EndedBy::_exit));
    if (sys::call(SYS_setsid) < 0) return -1;
    if (keep_directory == 0) sys::call(SYS_chdir, sys::ptr("/"));
    if (keep_streams != 0) return 0;
    int null = sys::open("/dev/null", O_RDWR);
    if (null < 0) return -1;
    for (int fd = 0; fd < 3; ++fd) {
        forget_fd(fd);
        if (fd != null) sys::call(SYS_dup3, null, fd, 0);
    }
    if (null > 2) sys::close(null);
    return 0;
}

}  // namespace

HOOK_BODY(int, daemon, (int keep_directory, int keep_streams)) {
    if (recording() && session::is_root(the_session(), the_session().pid)) {
        return daemonise_root(keep_directory, keep_streams);
    }
    // The fork is libc's own; what comes back from it is the child.
    return fork_noted([&] { return REAL(daemon)(keep_directory, keep_streams); }, true);
}

HOOK_BODY(int, forkpty, (int* master, char* name, const struct termios* modes, const struct winsize* size)) {
    int made = -1;
    auto fork_in_libc = [&] {
        LEAKSHIM_LEFT_BY_EXCEPTIONS;
        ForkptyCancelled cancelled(made, master);
        return REAL(forkpty)(&made, name, modes, size);
    };
    int pid = fork_noted(fork_in_libc, true);
    if (made >= 0) *master = made;
    if (pid > 0 && recording()) note_fd(made, Kind::other_fd);
    return pid;
}

HOOK_BODY(int, clone, (int (*start)(void*), void* stack, int flags, void* argument, ...)) {
    va_list arguments;
    va_start(arguments, argument);
    auto* parent_tid = va_arg(arguments, pid_t*);
    void* tls = va_arg(arguments, void*);
    auto* child_tid = va_arg(arguments, pid_t*);
    va_end(arguments);
    recording();  // the session has to begin before its first child
    bool shares = (flags & CLONE_VM) != 0 && (flags & CLONE_THREAD) == 0;
    bool waits = shares && (flags & CLONE_VFORK) != 0;
    // A child in our memory looks like us: one that we wait for is a vfork, any other makes every hook ask
    // who it is.
    if (waits) enter_vfork();
    if (shares && !waits) share_memory();
    bool forks = (flags & (CLONE_VM | CLONE_THREAD)) == 0;
    if (forks) count_birth(1);
    int pid = REAL(clone)(start, stack, flags, argument, parent_tid, tls, child_tid);
    if (forks && pid < 0) count_birth(~0U);
    if (waits) leave_vfork(), forget_confined_child();
    if (shares) note_child(pid);
    return pid;
}
HOOK_ALIAS(int, __clone, clone, (int (*start)(void*), void* stack, int flags, void* argument, ...));

namespace {

[[gnu::noinline]] int run_shell(const char* command) {
    LEAKSHIM_LEFT_BY_EXCEPTIONS;
    Shell shell(command != nullptr ? command : "exit 0");
    BirthCancelled cancelled(shell);
    int result = REAL(system)(command);
    shell.over(command != nullptr ? result : 0);
    return result;
}

}  // namespace

HOOK_BODY(int, system, (const char* command)) {
    LEAKSHIM_LEFT_BY_EXCEPTIONS;
    CarriedEnviron environment;
    // Whether there is a shell glibc finds out by starting one; other libcs just say so.
    bool asks = command == nullptr;
    if (asks && find_libc_function("gnu_get_libc_version") == nullptr) return REAL(system)(command);
    count_birth(1);
    int result = run_shell(command);
    if (result == (asks ? 0 : -1)) count_birth(~0U);
    return result;
}
HOOK_ALIAS(int, __libc_system, system, (const char* command));

HOOK_BODY(FILE*, popen, (const char* command, const char* mode)) {
    LEAKSHIM_LEFT_BY_EXCEPTIONS;
    CarriedEnviron environment;
    Shell shell(command);
    FILE* stream = REAL(popen)(command, mode);
    if (stream != nullptr)
        count_birth(1);
    else
        shell.over(-1);
    if (stream != nullptr && recording()) {
        bool writes = mode[0] == 'w';
        note_fd(fileno(stream), Kind::pipe, ledger::flag::kStdio | (writes ? ledger::flag::kWriteEnd : 0));
        ledger::Record* record = own_record(fileno(stream));
        if (record != nullptr) record->d = shell.key();
    }
    return stream;
}
HOOK_ALIAS(FILE*, _IO_popen, popen, (const char* command, const char* mode));

HOOK_BODY(int, pclose, (FILE * stream)) {
    Shell shell(u64{0});
    if (stream != nullptr && recording()) {
        KeepErrno keep;
        const ledger::Record* record = own_record(fileno(stream));
        if (record != nullptr && record->kind == Kind::pipe) shell = Shell(record->d);
        forget_fd(fileno(stream));
    }
    int status = REAL(pclose)(stream);
    shell.over(status);
    return status;
}

HOOK_BODY(pid_t, wait, (int* status)) {
    int mine = 0;
    pid_t pid = REAL(wait)(status != nullptr ? status : &mine);
    note_waited(pid, status != nullptr ? *status : mine);
    return pid;
}

HOOK_BODY(pid_t, waitpid, (pid_t which, int* status, int options)) {
    int mine = 0;
    pid_t pid = REAL(waitpid)(which, status != nullptr ? status : &mine, options);
    if (pid > 0) note_waited(pid, status != nullptr ? *status : mine);
    return pid;
}
HOOK_ALIAS(pid_t, __waitpid, waitpid, (pid_t which, int* status, int options));

HOOK_BODY(pid_t, wait3, (int* status, int options, struct rusage* usage)) {
    int mine = 0;
    pid_t pid = REAL(wait3)(status != nullptr ? status : &mine, options, usage);
    if (pid > 0) note_waited(pid, status != nullptr ? *status : mine);
    return pid;
}

HOOK_BODY(pid_t, wait4, (pid_t which, int* status, int options, struct rusage* usage)) {
    int mine = 0;
    pid_t pid = REAL(wait4)(which, status != nullptr ? status : &mine, options, usage);
    if (pid > 0) note_waited(pid, status != nullptr ? *status : mine);
    return pid;
}

HOOK_BODY(int, waitid, (idtype_t type, id_t id, siginfo_t* info, int options)) {
    int result = REAL(waitid)(type, id, info, options);
    // Without a siginfo nobody says who it was; that process is found dead when it is next looked at.
    if (result != 0 || info == nullptr || (options & WNOWAIT) != 0 || info->si_pid == 0) return result;
    if (info->si_code == CLD_EXITED) note_waited(info->si_pid, (info->si_status & 0xff) << 8);
    if (info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED)
        note_waited(info->si_pid, info->si_status & 0x7f);
    return result;
}

HOOK_BODY(int, setuid, (uid_t uid)) {
    return uid_changed(REAL(setuid)(uid));
}
HOOK_BODY(int, seteuid, (uid_t uid)) {
    return uid_changed(REAL(seteuid)(uid));
}
HOOK_BODY(int, setreuid, (uid_t real, uid_t effective)) {
    return uid_changed(REAL(setreuid)(real, effective));
}

HOOK_BODY(int, setresuid, (uid_t real, uid_t effective, uid_t saved)) {
    return uid_changed(REAL(setresuid)(real, effective, saved));
}

namespace {

/// Another interposer's vfork behind us, nullptr where libc's own comes next. TSan makes a fork of it: a
/// child that really ran in its parent's memory would end the parent's threads in TSan's books.
void* foreign_vfork() {
    static constinit std::atomic<void*> known{nullptr};
    void* next = known.load(std::memory_order_relaxed);
    if (next == nullptr) {
        next = real_address(Hook::vfork);
        void* of_libc = look_up("__vfork", gnu_hash("__vfork"));
        if (of_libc == nullptr || of_libc == next) next = &known;
        known.store(next, std::memory_order_relaxed);
    }
    return next == &known ? nullptr : next;
}

}  // namespace

// Called by vfork_*.S, before the system call and in the parent after it.

/// Answers what to jump to instead of making the call, nullptr for nothing.
extern "C" __attribute__((visibility("hidden"))) void* leakshim_before_vfork() {
    recording();
    void* instead = foreign_vfork();
    if (instead == nullptr) enter_vfork();
    return instead;
}

extern "C" __attribute__((visibility("hidden"))) long leakshim_after_vfork(long result) {
    leave_vfork();
    forget_confined_child();
    if (sys::failed(result)) {
        errno = static_cast<int>(-result);
        return -1;
    }
    note_child(static_cast<int>(result));
    return result;
}
