// SPDX-License-Identifier: MIT
#include "hang_words.h"

#include <fmt/format.h>

#include <algorithm>

#include "encoding.h"
#include "redact.h"
#include "text_words.h"

namespace leakshim::tools {

namespace {

constexpr int kMostCommand = 70;  // columns of a command line
constexpr size_t kMostParties = 6;

std::string_view plain_wait(WaitKind kind) {
    switch (kind) {
        case WaitKind::none:
            return "runs";
        case WaitKind::unknown:
            return "waits, and the kernel does not say for what";
        case WaitKind::stopped:
            return "is stopped by a signal; it goes on with SIGCONT";
        case WaitKind::traced:
            return "is held by a debugger";
        case WaitKind::ended:
            return "has ended, and its process lives on in other threads";
        case WaitKind::disk:
            return "waits for a device or a file system, and no signal wakes it";
        case WaitKind::wakeup:
            return "waits for another thread to wake it (a lock, semaphore or condition that names nobody)";
        case WaitKind::file_lock:
            return "waits for a lock on a file";
        case WaitKind::signal:
            return "waits for a signal";
        case WaitKind::time:
            return "sleeps";
        default:
            return "waits";
    }
}

std::string child_wait(const HangThread& thread, const Style& style) {
    if (thread.children.empty()) return "waits for a child, and has none that lives";
    std::string which = thread.children.size() == 1 ? "child" : "any of its children:";
    return fmt::format("waits for {} {} to end", which, parties_words(thread.children, style));
}

std::string signal_wait(const HangThread& thread, const Style& style) {
    if (thread.children.empty()) return std::string(plain_wait(WaitKind::signal));
    std::string which = thread.children.size() == 1 ? "child" : "one of its children:";
    return fmt::format("waits for a signal, perhaps that {} {} has ended", which,
                       parties_words(thread.children, style));
}

const HangThread* find_thread(const HangProcess& process, int tid) {
    for (const HangThread& thread : process.threads) {
        if (thread.tid == tid) return &thread;
    }
    return nullptr;
}

std::string other_thread(const HangProcess& process, int tid, const Style& style) {
    const HangThread* thread = find_thread(process, tid);
    return thread != nullptr ? thread_words(*thread, style) : fmt::format("thread {}", tid);
}

std::string descriptor_wait(const HangThread& thread) {
    if (thread.descriptors.size() == 1) {
        const HangDescriptor& only = thread.descriptors.front();
        std::string_view verb = only.waited.to_write && !only.waited.to_read ? "to write to" : "to read from";
        if (only.file && only.file->kind == FileKind::pidfd) return "waits for a process to end";
        return fmt::format("waits {} fd {}", verb, only.waited.fd);
    }
    if (thread.wait.descriptors.empty()) return "waits on descriptors";
    return fmt::format("waits on {} descriptors", thread.wait.descriptors.size());
}

std::vector<Party> without(const std::vector<Party>& parties, int pid) {
    std::vector<Party> others = parties;
    std::erase_if(others, [&](const Party& party) { return party.pid == pid; });
    return others;
}

bool has(const std::vector<Party>& parties, int pid) {
    return std::any_of(parties.begin(), parties.end(), [&](const Party& party) { return party.pid == pid; });
}

/// Who holds the end that would end the wait on a pipe.
std::string pipe_words(const HangProcess& process, const HangDescriptor& descriptor, const Style& style) {
    bool writing = descriptor.waited.to_write && !descriptor.waited.to_read;
    std::string_view end = writing ? "read end" : "write end";
    std::vector<Party> others = without(descriptor.others, process.who.pid);
    bool itself = has(descriptor.others, process.who.pid);
    if (others.empty() && itself) return fmt::format("nobody but this process itself holds its {}", end);
    if (others.empty()) return fmt::format("nobody who can be seen holds its {}", end);
    std::string words = fmt::format("its {} is held by {}", end, parties_words(others, style));
    return itself ? words + ", and by this process itself" : words;
}

std::string socket_end_words(const HangDescriptor& descriptor, const Style& style) {
    std::string words = socket_words(descriptor.socket, style.unicode);
    if (descriptor.socket.listening) return words + ", for a connection";
    if (descriptor.others.empty()) return words;
    return fmt::format("{}, whose other end is held by {}", words, parties_words(descriptor.others, style));
}

std::string fds_words(const std::vector<int>& fds) {
    bool out = std::find(fds.begin(), fds.end(), 1) != fds.end();
    bool err = std::find(fds.begin(), fds.end(), 2) != fds.end();
    if (out && err) return "standard output and error";
    if (out || err) return out ? "standard output" : "standard error";
    return fmt::format("fd {}", fds.front());
}

}  // namespace

std::string party_words(const Party& party, const Style& style) {
    std::vector<std::string> command = style.redact ? redact_command(party.command) : party.command;
    std::string line = join_command(command, style.unicode);
    if (line.empty()) line = terminal_safe(party.name, style.unicode);
    if (line.empty()) line = "process";
    if (!style.all) line = cut_to(line, kMostCommand, style.unicode);
    std::string words = fmt::format("{} (pid {}", line, party.pid);
    if (party.state == 'T') words += ", stopped";
    if (party.state == 'Z') words += ", dead and not waited for";
    words += ')';
    if (!party.test.empty()) words += " of test " + terminal_safe(party.test, style.unicode);
    return words;
}

std::string parties_words(const std::vector<Party>& parties, const Style& style) {
    std::string words;
    size_t limit = style.all ? parties.size() : kMostParties;
    for (size_t i = 0; i < parties.size() && i < limit; ++i)
        words += (words.empty() ? "" : ", ") + party_words(parties[i], style);
    if (parties.size() > limit) words += fmt::format(" and {} more", parties.size() - limit);
    return words;
}

std::string_view state_words(char state) {
    switch (state) {
        case 'R':
            return "running";
        case 'S':
        case 'I':
            return "asleep";
        case 'D':
            return "waiting for a device";
        case 'T':
            return "stopped";
        case 't':
            return "traced";
        case 'Z':
        case 'X':
            return "dead";
        default:
            return "unknown";
    }
}

std::string thread_words(const HangThread& thread, const Style& style) {
    if (thread.first) return "its first thread";
    std::string words = fmt::format("thread {}", thread.tid);
    if (!thread.name.empty()) words += fmt::format(" \"{}\"", terminal_safe(thread.name, style.unicode));
    return words;
}

std::string thread_origin(const HangThread& thread, const Style& style) {
    std::string words;
    if (!thread.test.empty()) words += ", of test " + terminal_safe(thread.test, style.unicode);
    if (!thread.site.empty()) words += ", made at " + terminal_safe(thread.site, style.unicode);
    if (!thread.routine.empty()) words += ", start routine " + terminal_safe(thread.routine, style.unicode);
    return words;
}

std::string wait_words(const HangProcess& process, const HangThread& thread, const Style& style) {
    const Wait& wait = thread.wait;
    std::string words;
    switch (wait.kind) {
        case WaitKind::child:
            words = child_wait(thread, style);
            break;
        case WaitKind::signal:
            words = signal_wait(thread, style);
            break;
        case WaitKind::vfork:
            words = thread.children.empty() ? "waits for a child to execute a program"
                                            : fmt::format("waits for child {} to execute a program or to end",
                                                          parties_words(thread.children, style));
            break;
        case WaitKind::thread:
            return fmt::format("waits for {} to end (pthread_join)",
                               other_thread(process, wait.thread, style));
        case WaitKind::lock:
            if (wait.thread == 0) return "waits for a lock";
            return fmt::format("waits for a lock that {} holds", other_thread(process, wait.thread, style));
        case WaitKind::descriptors:
            words = descriptor_wait(thread);
            break;
        default:
            words = plain_wait(wait.kind);
            if (!wait.path.empty())
                words = fmt::format("waits for the open of {}", terminal_safe(wait.path, style.unicode));
    }
    bool names_call = !wait.call.empty() && wait.kind != WaitKind::stopped && wait.kind != WaitKind::wakeup;
    return names_call ? fmt::format("{} ({})", words, wait.call) : words;
}

std::string descriptor_words(const HangProcess& process, const HangDescriptor& descriptor,
                             const Style& style) {
    std::string fd = fmt::format("fd {}", descriptor.waited.fd);
    if (!descriptor.file) return fd + ": can't be looked at";
    const OpenFile& file = *descriptor.file;
    switch (file.kind) {
        case FileKind::pipe:
            return fmt::format("{} is a pipe; {}", fd, pipe_words(process, descriptor, style));
        case FileKind::fifo:
            return fmt::format("{} is the fifo {}; {}", fd, terminal_safe(file.target, style.unicode),
                               pipe_words(process, descriptor, style));
        case FileKind::socket:
            return fmt::format("{} is {}", fd, socket_end_words(descriptor, style));
        case FileKind::pidfd:
            return fmt::format("{} stands for {}", fd,
                               descriptor.others.empty() ? "a process that is gone"
                                                         : parties_words(descriptor.others, style));
        case FileKind::terminal:
            return fmt::format("{} is the terminal {}: somebody would have to type", fd,
                               terminal_safe(file.target, style.unicode));
        case FileKind::file:
            return fmt::format("{} is {}", fd, terminal_safe(file.target, style.unicode));
        default:
            return fmt::format("{} is of kind {}", fd, file_kind_name(file.kind));
    }
}

std::string output_words(const HangProcess& process, const HangOutput& output, const Style& style) {
    std::string which = fds_words(output.fds);
    if (process.role == HangRole::survivor) {
        if (output.readers.empty()) return {};
        return fmt::format(
            "holds the write end of a pipe ({}); {} reads it, and sees no end of it before this "
            "process ends",
            which, parties_words(output.readers, style));
    }
    if (output.readers.empty() && output.writers.empty()) return {};
    std::string words = fmt::format("{}: a pipe", which);
    if (!output.readers.empty()) words += fmt::format(" that {} reads", parties_words(output.readers, style));
    if (!output.writers.empty())
        words += fmt::format("; its write end is also held by {}", parties_words(output.writers, style));
    return words;
}

const HangThread* key_thread(const HangProcess& process) {
    for (const HangThread& thread : process.threads) {
        if (thread.wait.kind != WaitKind::ended) return &thread;
    }
    return process.threads.empty() ? nullptr : &process.threads.front();
}

}  // namespace leakshim::tools
