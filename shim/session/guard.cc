// SPDX-License-Identifier: MIT
#include "guard.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "sys.h"

namespace leakshim::session {

namespace {

using ledger::Guard;
using ledger::Header;

constexpr u64 kPatience = 2 * kSecond;
constexpr long kVfork = 0x4000;  // CLONE_VFORK: on return the child has executed its program, or has ended
constexpr long kFutexWait = 0;   // shared between processes
constexpr int kNoProgram = 2;
using Path = Text<1100>;

/// Finds the guard's program beside the library. False when there is none that can be executed.
bool find_program(Str library, Path& to) {
    while (!library.empty() && library.back() != '/')
        library.remove_suffix(1);
    for (Str between : {Str(""), Str("leakshim/")}) {
        to.clear();
        to.add(library).add(between).add(kGuardName);
        if (!to.truncated() && sys::call(SYS_faccessat, AT_FDCWD, sys::ptr(to.c_str()), 1 /* X_OK */) == 0)
            return true;
    }
    return false;
}

/// What `ps` shows a person who wonders what this process is.
void explain(const Header& header, TextBuffer& to) {
    to.add("cleans up when process ").add_decimal(static_cast<u64>(header.root_pid)).add(" ends: ");
    Str command(header.command.text,
                header.command.size <= sizeof header.command.text ? header.command.size : 0);
    to.add_safe(take_until(command, '\0'));
}

/// In the guard to be: never returns.
[[noreturn]] void become_guard(const char* program, const char* ledger, const char* explanation) {
    const char* arguments[] = {kGuardName.data(), ledger, explanation, nullptr};
    const char* environment[] = {nullptr};
    sys::call(SYS_execve, sys::ptr(program), sys::ptr(arguments), sys::ptr(environment));
    sys::exit_group(kNoProgram);
}

/// In the process between host and guard: never returns.
[[noreturn]] void start_and_end(const char* program, const char* ledger, const char* explanation) {
    sys::call(SYS_setsid);
    long guard = sys::call(SYS_clone, kVfork, 0, 0, 0, 0);
    if (guard == 0) become_guard(program, ledger, explanation);
    int status = 0;
    bool gone = guard < 0 || sys::call(SYS_wait4, guard, sys::ptr(&status), WNOHANG | __WALL, 0) == guard;
    sys::exit_group(gone ? 1 : 0);
}

/// Waits for the guard's word in the ledger.
Guard wait_for_guard(Header& header) {
    u64 until = sys::boottime() + kPatience;
    for (;;) {
        u32 state = header.guard.load(std::memory_order_acquire);
        if (state != static_cast<u32>(Guard::unknown)) return static_cast<Guard>(state);
        u64 now = sys::boottime();
        if (now >= until) return Guard::no_answer;
        struct timespec left {
            static_cast<time_t>((until - now) / kSecond), static_cast<long>((until - now) % kSecond)
        };
        sys::call(SYS_futex, sys::ptr(&header.guard), kFutexWait, state, sys::ptr(&left), 0, 0);
    }
}

Guard start(ledger::Ledger& ledger, Str library) {
    Header& header = *ledger.header();
    int adopts = 0;
    if (sys::getpid() == 1) return Guard::root_is_init;
    sys::call(SYS_prctl, PR_GET_CHILD_SUBREAPER, sys::ptr(&adopts), 0, 0, 0);
    if (adopts != 0) return Guard::root_is_reaper;
    Path program;
    if (!find_program(library, program)) return Guard::not_found;
    Text<256> explanation;
    explain(header, explanation);
    u64 mask = 0;
    sys::block_signals(&mask);
    // No exit signal: neither SIGCHLD nor a wait(2) without __WALL or __WCLONE shows the child to the host.
    long between = sys::call(SYS_clone, 0, 0, 0, 0, 0);
    if (between == 0) start_and_end(program.c_str(), ledger.path(), explanation.c_str());
    int status = -1;
    if (between > 0) {
        while (sys::call(SYS_wait4, between, sys::ptr(&status), __WALL, 0) == -EINTR) {
        }
    }
    sys::restore_signals(&mask);
    return status == 0 ? wait_for_guard(header) : Guard::not_started;
}

}  // namespace

Guard start_guard(ledger::Ledger& ledger, Str library) {
    Guard answer = start(ledger, library);
    std::atomic<u32>& word = ledger.header()->guard;
    u32 unknown = static_cast<u32>(Guard::unknown);
    word.compare_exchange_strong(unknown, static_cast<u32>(answer), std::memory_order_acq_rel);
    return answer;
}

}  // namespace leakshim::session
