// SPDX-License-Identifier: MIT
#include "pretend.h"

#include <errno.h>
#include <unistd.h>

#include <string_view>

namespace leakshim::tools {

bool PretendingKernel::read_stat(int pid, ProcessStat& stat) {
    bool found = Kernel::read_stat(pid, stat);
    if (ended_.contains(pid)) stat.state = 'X';
    return found;
}

int PretendingKernel::pidfd_open(int pid) {
    int fd = Kernel::pidfd_open(pid);
    if (fd >= 0) pidfds_[fd] = pid;
    return fd;
}

int PretendingKernel::close(int fd) {
    pidfds_.erase(fd);
    return Kernel::close(fd);
}

int PretendingKernel::pidfd_signal(int pidfd, int signal) {
    // Whether it might be sent is asked for all the same: EPERM is an answer.
    int answer = Kernel::pidfd_signal(pidfd, 0);
    auto found = pidfds_.find(pidfd);
    bool ends = signal != 0 && signal != SIGSTOP && signal != SIGCONT;
    if (answer == 0 && ends && found != pidfds_.end()) ended_.insert(found->second);
    return answer;
}

int PretendingKernel::poll(struct pollfd* fds, size_t count, u64 timeout) {
    int ready = 0;
    for (size_t i = 0; i < count; ++i) {
        auto found = pidfds_.find(fds[i].fd);
        bool ended = found != pidfds_.end() && ended_.contains(found->second);
        fds[i].revents = ended ? POLLIN : 0;
        ready += ended;
    }
    return ready != 0 ? ready : Kernel::poll(fds, count, timeout);
}

int PretendingKernel::may_change(int dirfd) const {
    return faccessat(dirfd, ".", W_OK | X_OK, AT_EACCESS) == 0 ? 0 : -errno;
}

int PretendingKernel::unlink(int dirfd, const char* name) {
    FileFacts facts;
    int answer = Kernel::entry_facts(dirfd, name, facts);
    if (answer == 0) answer = may_change(dirfd);
    if (answer == 0) removed_.insert({facts.id.dev, facts.id.ino});
    return answer;
}

bool PretendingKernel::would_be_empty(int fd) {
    alignas(DirectoryEntry) char block[8192];
    for (;;) {
        long got = Kernel::read_entries(fd, block, sizeof block);
        if (got <= 0) return got == 0;
        for (long at = 0; at < got;) {
            const auto* entry = reinterpret_cast<const DirectoryEntry*>(block + at);
            at += entry->size;
            std::string_view name = entry->name;
            if (name == "." || name == "..") continue;
            FileFacts facts;
            if (Kernel::entry_facts(fd, entry->name, facts) != 0) continue;
            if (!removed_.contains({facts.id.dev, facts.id.ino})) return false;
        }
    }
}

int PretendingKernel::rmdir(int dirfd, const char* name) {
    FileFacts facts;
    int answer = Kernel::entry_facts(dirfd, name, facts);
    if (answer == 0) answer = may_change(dirfd);
    if (answer != 0) return answer;
    int fd = Kernel::open(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (fd < 0) return fd == -EACCES ? -ENOTEMPTY : fd;
    bool empty = would_be_empty(fd);
    Kernel::close(fd);
    if (!empty) return -ENOTEMPTY;
    removed_.insert({facts.id.dev, facts.id.ino});
    return 0;
}

}  // namespace leakshim::tools
