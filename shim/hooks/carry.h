// SPDX-License-Identifier: MIT
//
// What descends is followed: every program that is started gets LD_PRELOAD and the session variable, whatever
// environment it is given. Works on the stack and in a vfork child.
#pragma once

#include "env_block.h"
#include "hook.h"
#include "program.h"
#include "sys.h"
#include "unwound.h"

extern "C" char** environ;

namespace leakshim::hooks {

using session::Program;

/// Looks for `file` in our own $PATH; see session::find_in_path().
inline void find_in_path(const char* file, TextBuffer& to) {
    session::find_in_path(file, session::find_variable(environ, "PATH="), to);
}

/// Memory for one environment block: on the stack when it is small, mapped when it is not.
class Scratch {
  public:
    explicit Scratch(size_t size) {
        if (size <= sizeof small_) return;
        long answer = sys::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (sys::failed(answer)) return;
        mapped_ = reinterpret_cast<void*>(answer);
        size_ = size;
    }
    ~Scratch() {
        if (mapped_ != nullptr) sys::munmap(mapped_, size_);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    /// nullptr when there was no memory.
    void* get(size_t size) { return mapped_ != nullptr ? mapped_ : size <= sizeof small_ ? small_ : nullptr; }

  private:
    void* mapped_ = nullptr;
    size_t size_ = 0;
    alignas(void*) char small_[4096];
};

/// The environment that a program to be executed gets: `environment` itself when nothing has to change.
class CarriedEnvironment {
  public:
    CarriedEnvironment(char* const* environment, Program program);
    char** get() const { return result_; }

  private:
    char scope_entry_[32];
    session::Carried carried_;
    Scratch scratch_;
    char** result_;
};

/// For calls that start a shell inside libc with `environ`: puts the variables back for as long as the call
/// lasts, when the host took them out. The shell learns its scope in another way (class Shell): other threads
/// may read and change `environ` meanwhile, and where nothing was taken out it is left alone. A thread may be
/// cancelled in system(3), and no destructor runs then.
class CarriedEnviron {
  public:
    CarriedEnviron();
    ~CarriedEnviron();
    CarriedEnviron(const CarriedEnviron&) = delete;
    CarriedEnviron& operator=(const CarriedEnviron&) = delete;

  private:
    static void cancelled(void* self);
    void restore();

    char** before_;
    char** during_ = nullptr;  ///< nullptr: nothing had to change
    void* block_ = nullptr;    ///< where it lies: not on the stack, of which a handler may have little
    WhenUnwound when_cancelled_;
};

/// Before the host changes its environment: undoes what a CarriedEnviron of another thread has done, so that
/// the change is made to the host's own. The shell that thread starts may find our variables missing then.
void settle_environ();

}  // namespace leakshim::hooks
