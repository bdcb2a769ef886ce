// SPDX-License-Identifier: MIT
//
// Reading /proc (proc(5)) with raw system calls and bounded stack memory. Async-signal-safe; a process that
// goes away while it is read is an ordinary answer ("false"), never an error.
#pragma once

#include "text.h"

namespace leakshim {

/// What /proc rounds a start time down to: USER_HZ is 100 on x86-64 and aarch64.
inline constexpr u64 kTick = 10 * kMillisecond;

/// Fields of /proc/PID/stat.
struct ProcessStat {
    int pid = 0;
    int ppid = 0;
    int group = 0;
    int session = 0;
    char state = '?';        ///< R S D Z T …
    u64 processor_time = 0;  ///< ns used, by children that were waited for too, rounded down to a tick each
    int threads = 0;         ///< tasks that have not been waited for, a zombie leader included
    u64 start = 0;           ///< start time in ns since boot, rounded down to a tick
    char name[16] = {};      ///< comm

    /// Dead: a zombie with no other task. The leader of a living process may be a zombie too.
    bool dead() const { return state == 'X' || (state == 'Z' && threads <= 1); }
};

/// Signals as bit masks, bit n-1 for signal n (/proc/PID/status), and the real uid.
struct ProcessSignals {
    u64 blocked = 0;
    u64 ignored = 0;
    u64 caught = 0;
    u32 uid = ~0u;
};

/// One line of /proc/PID/maps.
struct MapsLine {
    u64 start = 0, end = 0;  ///< addresses, the second is the first behind it
    Str rights;              ///< "rw-s": shared, else "p"; of four characters
    u64 offset = 0;          ///< in the file
    u64 device = 0;          ///< as in FileId
    u64 inode = 0;           ///< 0: of no file
    Str path;                ///< or "[heap]", or nothing

    bool holds(u64 address) const { return address >= start && address < end; }
    bool readable() const { return rights[0] == 'r'; }
    bool writable() const { return rights[1] == 'w'; }
    bool executable() const { return rights[2] == 'x'; }
    bool shared() const { return rights[3] == 's'; }
};

/// "7f0000000000-7f0000021000 r-xp 00001000 fd:01 1234    /usr/lib/libx.so". False for what is no such line;
/// the texts lie in it.
bool parse_maps_line(Str line, MapsLine& parsed);

bool read_process_stat(int pid, ProcessStat& stat);
bool read_process_signals(int pid, ProcessSignals& signals);

/// Reads /proc/PID/NAME into `to` (at most `size` bytes); the number of bytes, or -errno.
long read_process_file(int pid, const char* name, char* to, size_t size);

/// Reads a whole small file; the number of bytes, or -errno. `path` is absolute.
long read_file(const char* path, char* to, size_t size);

/// Calls `visit(pid)` for each child that the file at `path` lists: /proc/PID/task/TID/children, proc(5). Each
/// number there has a blank behind it: of more than `size` bytes the number that is cut and what follows are
/// left out. 0, or -errno where the file can't be read.
template <typename Visit>
int for_each_child(const char* path, char* room, size_t size, Visit visit) {
    long filled = read_file(path, room, size);
    if (filled < 0) return static_cast<int>(filled);
    Str rest(room, static_cast<size_t>(filled));
    for (;;) {
        size_t before = rest.size();
        Str number = take_until(rest, ' ');
        u64 pid = 0;
        if (number.size() == before) return 0;
        if (parse_decimal(number, pid)) visit(static_cast<int>(pid));
    }
}

/// Target of the link /proc/PID/NAME (`exe`, `cwd`, `fd/3`); empty when it can't be read. The text lies in
/// `to`.
Str read_process_link(int pid, const char* name, char* to, size_t size);

/// Inode of the IPC name space that the calling thread is in, 0 when it can't be read (namespaces(7)).
u64 ipc_namespace();

/// Calls `visit(pid)` for every process that /proc shows. False when /proc can't be read.
template <typename Visit>
bool for_each_process(Visit visit);

/// Calls `visit(name)` for every entry of the directory `dirfd` but `.` and `..`, until it returns false.
/// False when the directory could not be read to its end.
template <typename Visit>
bool for_each_entry(int dirfd, Visit visit);

/// Finds `key` (with its `=`) in an environment block of NUL-terminated strings; the value, or no data at all
/// (`data() == nullptr`) when it is not there.
Str find_in_environment(Str block, Str key);

/// The value of `key` (with its `=`) in the environment that the process was started with, copied to `to`.
/// No data when it is not there or can't be read (another user's process).
Str read_process_variable(int pid, Str key, char* to, size_t size);

}  // namespace leakshim

#include "proc_inl.h"
