// SPDX-License-Identifier: MIT
//
// Hooks of exec and posix_spawn. libc's exec functions don't call each other through their exported names, so
// each has its own. Which program the shim will not be in is counted; the environment is put right for all
// others.
#include <alloca.h>
#include <spawn.h>
#include <stdarg.h>
#include <unistd.h>

#include "births.h"
#include "carry.h"
#include "confined.h"
#include "inherit.h"
#include "record.h"

using namespace leakshim;
using namespace leakshim::hooks;

namespace {

using ledger::Counter;
namespace flag = ledger::flag;

constexpr Counter counter_of(Program program) {
    switch (program) {
        case Program::static_linked:
            return Counter::blind_static;
        case Program::set_id:
            return Counter::blind_setid;
        default:
            return Counter::blind_class;
    }
}

/// Counts a program that the shim will not be in; `by` is -1 when its exec failed after all.
void count_blind(Program program, u64 by) {
    if (program != Program::ordinary && in_session()) the_ledger().count(counter_of(program), by);
}

/// This process is about to become another program: what the ledger knows of its descriptors is made
/// findable.
class Departure {
  public:
    explicit Departure(Program program) : program_(program) {
        count_blind(program, 1);
        if (!recording()) return;
        session::note_identity(the_session());
        chain_own_fds();
        the_ledger().drop_lease(own_lease());
        if (program != Program::ordinary) mark_blind(true);
    }
    /// The exec came back: it failed.
    void failed() {
        count_blind(program_, ~u64{0});
        if (program_ != Program::ordinary && recording()) mark_blind(false);
    }

  private:
    static void mark_blind(bool on) {
        ledger::Record* self = the_ledger().at(the_session().self);
        if (self == nullptr) return;
        if (on)
            self->flags.fetch_or(flag::kBlind, std::memory_order_relaxed);
        else
            self->flags.fetch_and(static_cast<u8>(~flag::kBlind), std::memory_order_relaxed);
    }
    Program program_;
};

/// From under a filter programs are started without us, and without a look at them.
template <typename Call>
int start_without_us(char* const* environment, Call real) {
    CarriedEnvironment carried(environment, Program::other_class);
    return real(carried.get());
}

/// Every exec of a path: `real(environment)` makes the call.
template <typename Call>
int exec_path(int dirfd, const char* path, char* const* environment, Call real) {
    if (is_confined()) return start_without_us(environment, real);
    if (!in_session()) return real(const_cast<char**>(environment));
    Program program = session::inspect_program(dirfd, path);
    CarriedEnvironment carried(environment, program);
    Departure departure(program);
    int result = real(carried.get());
    departure.failed();
    return result;
}

int exec_file(const char* file, char* const* arguments, char* const* environment) {
    auto real = [&](char** carried) { return REAL(execvpe)(file, arguments, carried); };
    if (is_confined()) return start_without_us(environment, real);
    if (!in_session()) return REAL(execvpe)(file, arguments, environment);
    Text<1024> path;
    find_in_path(file, path);
    return exec_path(AT_FDCWD, path.c_str(), environment, real);
}

int exec_plain(const char* path, char* const* arguments, char* const* environment) {
    return exec_path(AT_FDCWD, path, environment,
                     [&](char** carried) { return REAL(execve)(path, arguments, carried); });
}

/// Arguments of the execl family as an array on the caller's stack. `rest` is left behind the terminating
/// null.
#define COLLECT_ARGUMENTS(first, arguments, rest)                                 \
    va_list rest;                                                                 \
    size_t count_ = 1;                                                            \
    va_start(rest, first);                                                        \
    while (va_arg(rest, char*) != nullptr)                                        \
        ++count_;                                                                 \
    va_end(rest);                                                                 \
    auto** arguments = static_cast<char**>(alloca((count_ + 1) * sizeof(char*))); \
    arguments[0] = const_cast<char*>(first);                                      \
    va_start(rest, first);                                                        \
    for (size_t i_ = 1; i_ <= count_; ++i_)                                       \
    arguments[i_] = va_arg(rest, char*)

template <typename Call>
int spawn_path(pid_t* child, const char* path, char* const* environment, Call real) {
    if (is_confined())
        return start_without_us(environment, [&](char** carried) { return real(child, carried); });
    if (!in_session()) return real(child, environment);
    pid_t mine = 0;
    pid_t* pid = child != nullptr ? child : &mine;
    Program program = session::inspect_program(AT_FDCWD, path);
    CarriedEnvironment carried(environment, program);
    int result = real(pid, carried.get());
    if (result != 0) return result;
    count_blind(program, 1);
    KeepErrno keep;
    note_child(*pid);
    return result;
}

}  // namespace

HOOK_BODY(int, execve, (const char* path, char* const* arguments, char* const* environment)) {
    return exec_plain(path, arguments, environment);
}

HOOK_BODY(int, execv, (const char* path, char* const* arguments)) {
    return exec_plain(path, arguments, environ);
}

HOOK_BODY(int, execvp, (const char* file, char* const* arguments)) {
    return exec_file(file, arguments, environ);
}

HOOK_BODY(int, execvpe, (const char* file, char* const* arguments, char* const* environment)) {
    return exec_file(file, arguments, environment);
}

HOOK_BODY(int, execl, (const char* path, const char* first, ...)) {
    COLLECT_ARGUMENTS(first, arguments, rest);
    va_end(rest);
    return exec_plain(path, arguments, environ);
}

HOOK_BODY(int, execle, (const char* path, const char* first, ...)) {
    COLLECT_ARGUMENTS(first, arguments, rest);
    char* const* environment = va_arg(rest, char* const*);
    va_end(rest);
    return exec_plain(path, arguments, environment);
}

HOOK_BODY(int, execlp, (const char* file, const char* first, ...)) {
    COLLECT_ARGUMENTS(first, arguments, rest);
    va_end(rest);
    return exec_file(file, arguments, environ);
}

HOOK_BODY(int, fexecve, (int fd, char* const* arguments, char* const* environment)) {
    Text<40> path;
    path.add("/proc/self/fd/").add_decimal(static_cast<u64>(static_cast<u32>(fd)));
    return exec_path(AT_FDCWD, path.c_str(), environment,
                     [&](char** carried) { return REAL(fexecve)(fd, arguments, carried); });
}

HOOK_BODY(int, execveat,
          (int dirfd, const char* path, char* const* arguments, char* const* environment, int flags)) {
    return exec_path(dirfd, path, environment,
                     [&](char** carried) { return REAL(execveat)(dirfd, path, arguments, carried, flags); });
}

HOOK_BODY(int, posix_spawn,
          (pid_t * child, const char* path, const posix_spawn_file_actions_t* actions,
           const posix_spawnattr_t* attributes, char* const* arguments, char* const* environment)) {
    return spawn_path(child, path, environment, [&](pid_t* pid, char* const* carried) {
        return REAL(posix_spawn)(pid, path, actions, attributes, arguments, carried);
    });
}

HOOK_BODY(int, posix_spawnp,
          (pid_t * child, const char* file, const posix_spawn_file_actions_t* actions,
           const posix_spawnattr_t* attributes, char* const* arguments, char* const* environment)) {
    Text<1024> path;
    if (in_session() && !is_confined()) find_in_path(file, path);
    return spawn_path(child, path.c_str(), environment, [&](pid_t* pid, char* const* carried) {
        return REAL(posix_spawnp)(pid, file, actions, attributes, arguments, carried);
    });
}
