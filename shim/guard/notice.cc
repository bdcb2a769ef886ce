// SPDX-License-Identifier: MIT
#include "notice.h"

#include <errno.h>
#include <sys/wait.h>

#include "proc.h"
#include "sys.h"

namespace leakshim {

namespace {

constexpr u64 kPatience = 30 * kSecond;
constexpr u64 kGlance = 20 * kMillisecond;
constexpr long kVfork = 0x4000;  // CLONE_VFORK: on return the child has executed its program, or has ended
constexpr long kWaitAll = 0x40000000;  // __WALL
constexpr int kNoProgram = 127;
using Path = Text<1100>;

/// The program as it lies seen from ours: installed, or as it was built.
bool find_program(Path& to) {
    char buffer[1024];
    Str here = read_process_link(sys::getpid(), "exe", buffer, sizeof buffer);
    while (!here.empty() && here.back() != '/')
        here.remove_suffix(1);
    for (Str way : {Str(LEAKSHIM_WAY_TO_BINDIR), Str("../tools/")}) {
        to.clear();
        if (way.front() != '/') to.add(here);
        to.add(way).add("leakshim-report");
        bool there = !here.empty() && !to.truncated() &&
                     sys::call(SYS_faccessat, AT_FDCWD, sys::ptr(to.c_str()), 1 /* X_OK */) == 0;
        if (there) return true;
    }
    return false;
}

[[noreturn]] void become_reporter(const char* program, const char* ledger, const char* time) {
    const char* arguments[] = {"leakshim-report", "--hang-notice", ledger, "--hang-time", time, nullptr};
    const char* environment[] = {nullptr};
    sys::call(SYS_execve, sys::ptr(program), sys::ptr(arguments), sys::ptr(environment));
    sys::exit_group(kNoProgram);
}

bool root_is_dead(int pidfd, int root) {
    struct pollfd death {};
    death.fd = pidfd, death.events = POLLIN;
    if (pidfd >= 0) return sys::poll(&death, 1, kGlance) > 0;
    sys::sleep(kGlance);
    return sys::process_exists(root) == -ESRCH;
}

}  // namespace

void give_hang_notice(const char* path, u64 waited, int pidfd, int root) {
    Path program;
    if (!find_program(program)) return;
    Text<32> time;
    time.add_duration(waited);
    long reporter = sys::call(SYS_clone, kVfork, 0, 0, 0, 0);
    if (reporter == 0) become_reporter(program.c_str(), path, time.c_str());
    if (reporter < 0) return;
    u64 until = sys::boottime() + kPatience;
    int status = 0;
    for (;;) {
        if (sys::call(SYS_wait4, reporter, sys::ptr(&status), WNOHANG | kWaitAll, 0) != 0) return;
        if (root_is_dead(pidfd, root) || sys::boottime() >= until) break;
    }
    // It is ours and was not waited for: the number is its own. Nobody waits for it then; init has it soon.
    sys::call(SYS_kill, reporter, SIGKILL);
}

}  // namespace leakshim
