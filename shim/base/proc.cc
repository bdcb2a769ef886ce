// SPDX-License-Identifier: MIT
#include "proc.h"

#include "lines.h"
#include "sys.h"

namespace leakshim {

namespace {

u64 next_number(Str& text) {
    Str field = next_field(text);
    if (!field.empty() && field.front() == '-') return 0;
    u64 value = 0;
    parse_decimal(field, value);
    return value;
}

void process_path(TextBuffer& to, int pid, const char* name) {
    to.add("/proc/").add_decimal(static_cast<u64>(pid)).add('/').add(name);
}

}  // namespace

long read_file(const char* path, char* to, size_t size) {
    // Not to wait: a name that the user gave may be that of a fifo.
    int fd = sys::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) return fd;
    size_t total = 0;
    long got = 0;
    while (total < size && (got = sys::read(fd, to + total, size - total)) > 0)
        total += static_cast<size_t>(got);
    sys::close(fd);
    return got < 0 && total == 0 ? got : static_cast<long>(total);
}

long read_process_file(int pid, const char* name, char* to, size_t size) {
    Text<64> path;
    process_path(path, pid, name);
    return read_file(path.c_str(), to, size);
}

Str read_process_link(int pid, const char* name, char* to, size_t size) {
    Text<64> path;
    process_path(path, pid, name);
    long got = sys::readlinkat(AT_FDCWD, path.c_str(), to, size);
    return got < 0 ? Str{} : Str(to, static_cast<size_t>(got));
}

u64 ipc_namespace() {
    // The thread's own: unshare(2) and setns(2) move one thread alone.
    struct statx st {};
    return sys::statx(AT_FDCWD, "/proc/thread-self/ns/ipc", 0, STATX_INO, &st) < 0 ? 0 : st.stx_ino;
}

bool parse_maps_line(Str line, MapsLine& parsed) {
    Str range = next_field(line);
    parsed.rights = next_field(line);
    Str offset = next_field(line), device = next_field(line), inode = next_field(line);
    u64 major = 0, minor = 0;
    bool good = parse_hex(take_until(range, '-'), parsed.start) && parse_hex(range, parsed.end) &&
                parsed.rights.size() == 4 && parse_hex(offset, parsed.offset) &&
                parse_hex(take_until(device, ':'), major) && parse_hex(device, minor) &&
                parse_decimal(inode, parsed.inode);
    parsed.device = major << 32 | minor;
    while (!line.empty() && line.front() == ' ')
        line.remove_prefix(1);
    parsed.path = line;
    return good;
}

bool read_process_stat(int pid, ProcessStat& stat) {
    char buffer[1024];
    long got = read_process_file(pid, "stat", buffer, sizeof buffer);
    if (got <= 0) return false;
    Str text(buffer, static_cast<size_t>(got));
    // The name may hold spaces and parentheses: it ends at the last one.
    size_t open = 0, close = text.size();
    while (open < text.size() && text[open] != '(')
        ++open;
    while (close > open && text[close - 1] != ')')
        --close;
    if (close <= open + 1) return false;
    stat = ProcessStat{};
    stat.pid = pid;
    for (size_t i = open + 1; i + 1 < close && i - open - 1 < sizeof stat.name - 1; ++i) {
        stat.name[i - open - 1] = text[i];
    }
    text.remove_prefix(close);
    Str state = next_field(text);
    stat.state = state.empty() ? '?' : state.front();
    stat.ppid = static_cast<int>(next_number(text));
    stat.group = static_cast<int>(next_number(text));
    stat.session = static_cast<int>(next_number(text));
    for (int skipped = 7; skipped < 14; ++skipped)
        next_field(text);
    for (int time = 14; time < 18; ++time)
        stat.processor_time += next_number(text) * kTick;
    for (int skipped = 18; skipped < 20; ++skipped)
        next_field(text);
    stat.threads = static_cast<int>(next_number(text));
    next_field(text);
    stat.start = next_number(text) * kTick;
    return true;
}

namespace {

void take_status_line(Str line, ProcessSignals& signals) {
    Str key = take_until(line, '\t');
    if (key == "SigBlk:") parse_hex(line, signals.blocked);
    if (key == "SigIgn:") parse_hex(line, signals.ignored);
    if (key == "SigCgt:") parse_hex(line, signals.caught);
    u64 uid = 0;
    if (key == "Uid:" && parse_decimal(take_until(line, '\t'), uid)) signals.uid = static_cast<u32>(uid);
}

}  // namespace

bool read_process_signals(int pid, ProcessSignals& signals) {
    Text<64> path;
    process_path(path, pid, "status");
    int fd = sys::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    // By lines, since a list of many groups may stand before the masks.
    char block[512];
    Lines lines(block, sizeof block);
    Str line;
    long got = 0;
    bool any = false;
    while (lines.next(line, [&](char* to, size_t size) { return got = sys::read(fd, to, size); })) {
        any = true;
        take_status_line(line, signals);
    }
    sys::close(fd);
    return any && got == 0;
}

Str find_in_environment(Str block, Str key) {
    while (!block.empty()) {
        Str entry = take_until(block, '\0');
        if (starts_with(entry, key)) {
            entry.remove_prefix(key.size());
            return entry;
        }
    }
    return {};
}

namespace {

/// Matches `key` at the start of a variable and copies its value, byte by byte as the environment streams by.
class VariableFinder {
  public:
    VariableFinder(Str key, char* to, size_t size) : key_(key), to_(to), size_(size) {}

    /// True when the value is complete.
    bool feed(char c) {
        if (c == '\0') {
            if (matched_ == key_.size()) return true;
            matched_ = 0, mismatch_ = false, length_ = 0;
            return false;
        }
        if (matched_ == key_.size()) {
            if (length_ < size_) to_[length_++] = c;
        } else if (!mismatch_ && key_[matched_] == c) {
            ++matched_;
        } else {
            mismatch_ = true;
        }
        return false;
    }
    Str value() const { return {to_, length_}; }

  private:
    Str key_;
    char* to_;
    size_t size_;
    size_t matched_ = 0;
    size_t length_ = 0;
    bool mismatch_ = false;
};

}  // namespace

Str read_process_variable(int pid, Str key, char* to, size_t size) {
    Text<64> path;
    process_path(path, pid, "environ");
    int fd = sys::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return {};
    VariableFinder finder(key, to, size);
    char buffer[2048];
    bool found = false;
    long got = 0;
    while (!found && (got = sys::read(fd, buffer, sizeof buffer)) > 0) {
        for (long i = 0; i < got && !found; ++i)
            found = finder.feed(buffer[i]);
    }
    sys::close(fd);
    return found ? finder.value() : Str{};
}

}  // namespace leakshim
