// SPDX-License-Identifier: MIT
//
// A kernel on which everything can be looked at and nothing is done: what the reaper asks for is remembered,
// and answered as if it had happened. With a copy of the ledger (Ledger::attach_copy) the reaper itself says
// what it would do.
#pragma once

#include <map>
#include <set>
#include <utility>

#include "kernel.h"

namespace leakshim::tools {

class PretendingKernel : public reap::Kernel {
  public:
    bool read_stat(int pid, ProcessStat& stat) override;
    int pidfd_open(int pid) override;
    /// The first signal that would end a process counts as if it had.
    int pidfd_signal(int pidfd, int signal) override;
    int poll(struct pollfd* fds, size_t count, u64 timeout) override;
    int close(int fd) override;

    int unlink(int dirfd, const char* name) override;
    int rmdir(int dirfd, const char* name) override;
    int chmod_directory(int, u32) override { return 0; }
    int retire(int, int) override { return 0; }
    int ipc_remove(ledger::Kind, int) override { return 0; }
    int queue_unlink(const char*) override { return 0; }

  private:
    using File = std::pair<u64, u64>;  ///< device and inode

    int may_change(int dirfd) const;
    bool would_be_empty(int fd);

    std::map<int, int> pidfds_;  ///< descriptor → pid
    std::set<int> ended_;
    std::set<File> removed_;
};

}  // namespace leakshim::tools
