// SPDX-License-Identifier: MIT
//
// A cgroup of the command's own (cgroups(7), version 2): whatever descends from it is a member, however it
// hides, and cgroup.kill ends all members in one step, which no fork outruns. Asked for by --cgroup, since a
// program can see which cgroup it is in.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace leakshim::tools {

class Cgroup {
  public:
    Cgroup() = default;
    Cgroup(const Cgroup&) = delete;
    Cgroup& operator=(const Cgroup&) = delete;
    ~Cgroup();

    /// Makes one below this process's own, and removes empty ones whose leakshim-run was killed. The answer
    /// is why there is none to be had, empty when there is.
    std::string make();

    /// A descriptor to which a process writes "0" to become a member; -1 where there is no cgroup.
    int entrance() const { return entrance_; }

    std::vector<pid_t> members() const;

    /// Ends all members by SIGKILL, and waits for that up to five seconds.
    void kill();

    /// Gives the members that are left back to the cgroup above, and removes this one.
    void dissolve();

  private:
    bool make_in(const std::string& parent, std::string& why);
    bool write_to(const std::string& file, const std::string& text) const;

    std::string parent_, path_;
    int entrance_ = -1;
};

}  // namespace leakshim::tools
