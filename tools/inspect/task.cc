// SPDX-License-Identifier: MIT
#include "task.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "encoding.h"
#include "proc.h"

namespace leakshim::tools {

namespace {

constexpr size_t kMostTasks = 100'000;
constexpr size_t kMostCommand = 1 << 20;

#if defined(__x86_64__)
constexpr u16 kMachine = EM_X86_64;
#else
constexpr u16 kMachine = EM_AARCH64;
#endif

/// The numbers among the names of a directory, ascending.
std::vector<int> numbers_in(const std::string& path) {
    std::vector<int> numbers;
    std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
    if (directory == nullptr) return numbers;
    while (const dirent* entry = readdir(directory.get())) {
        u64 number = 0;
        if (parse_decimal(entry->d_name, number) && number <= 0x7fffffff)
            numbers.push_back(static_cast<int>(number));
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

/// `202 0x7f… 0x189 … SP PC`, `-1 SP PC` outside of any call, or `running`.
void parse_call(std::string_view text, Task& task) {
    task.call_known = !text.empty();
    std::vector<std::string> words = split_bytes(text.substr(0, text.find('\n')), ' ');
    if (words.size() < 7) return;
    std::from_chars(words[0].data(), words[0].data() + words[0].size(), task.call);
    for (size_t i = 0; i < 6; ++i) {
        const std::string& word = words[i + 1];
        if (word.starts_with("0x"))
            std::from_chars(word.data() + 2, word.data() + word.size(), task.arguments[i], 16);
    }
}

ProcessLook look_of(const ProcessStat& stat) {
    ProcessLook look;
    look.pid = stat.pid;
    look.ppid = stat.ppid;
    look.state = stat.state;
    look.dead = stat.dead();
    look.start = stat.start;
    look.name = stat.name;
    return look;
}

}  // namespace

std::string read_small(const std::string& path, size_t limit) {
    std::string content(std::min<size_t>(limit, 4096), '\0');
    int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) return {};
    size_t size = 0;
    ssize_t got = 0;
    while (size < limit && (got = read(fd, content.data() + size, content.size() - size)) > 0) {
        size += static_cast<size_t>(got);
        if (size == content.size()) content.resize(std::min(limit, 2 * size));
    }
    close(fd);
    content.resize(size);
    return content;
}

std::string link_target(const std::string& path) {
    char target[4096];
    ssize_t size = readlink(path.c_str(), target, sizeof target);
    return size < 0 ? std::string() : std::string(target, static_cast<size_t>(size));
}

std::vector<Task> tasks_of(int pid) {
    std::vector<Task> tasks;
    std::vector<int> tids = numbers_in(fmt::format("/proc/{}/task", pid));
    std::stable_partition(tids.begin(), tids.end(), [&](int tid) { return tid == pid; });
    for (int tid : tids) {
        ProcessStat stat;
        if (tasks.size() == kMostTasks || !read_process_stat(tid, stat)) continue;
        Task task;
        task.tid = tid;
        task.state = stat.state;
        task.name = stat.name;
        std::string place = fmt::format("/proc/{}/task/{}/", pid, tid);
        parse_call(read_small(place + "syscall"), task);
        task.channel = read_small(place + "wchan", 128);
        if (task.channel == "0") task.channel.clear();
        tasks.push_back(std::move(task));
    }
    return tasks;
}

std::optional<ProcessLook> look_at(int pid) {
    ProcessStat stat;
    if (pid <= 0 || !read_process_stat(pid, stat)) return std::nullopt;
    ProcessLook look = look_of(stat);
    if (look.state != 'D')
        look.command = split_bytes(read_small(fmt::format("/proc/{}/cmdline", pid), kMostCommand), '\0');
    // A program that writes its state over its arguments leaves the rest of their room empty.
    while (!look.command.empty() && look.command.back().empty())
        look.command.pop_back();
    return look;
}

std::vector<int> all_processes() {
    return numbers_in("/proc");
}

std::vector<ProcessLook> children_of(int pid) {
    std::vector<ProcessLook> children;
    for (int candidate : all_processes()) {
        ProcessStat stat;
        if (!read_process_stat(candidate, stat) || stat.ppid != pid) continue;
        auto child = look_at(candidate);
        if (child && child->ppid == pid) children.push_back(std::move(*child));
    }
    std::stable_sort(children.begin(), children.end(),
                     [](const ProcessLook& a, const ProcessLook& b) { return a.start < b.start; });
    return children;
}

std::string program_of(int pid) {
    return link_target(fmt::format("/proc/{}/exe", pid));
}

bool is_native(int pid) {
    std::string start = read_small(fmt::format("/proc/{}/exe", pid), sizeof(Elf64_Ehdr));
    if (start.size() < sizeof(Elf64_Ehdr)) return true;
    const auto* header = reinterpret_cast<const Elf64_Ehdr*>(start.data());
    return header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_machine == kMachine;
}

bool read_memory(int pid, u64 address, void* to, size_t size) {
    struct iovec here {
        to, size
    };
    struct iovec there {
        reinterpret_cast<void*>(address), size
    };
    return process_vm_readv(pid, &here, 1, &there, 1, 0) == static_cast<ssize_t>(size);
}

}  // namespace leakshim::tools
