// SPDX-License-Identifier: MIT
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace leakshim::tools {

namespace {

constexpr std::string_view kPrefix = "leakshim-run-";
constexpr auto kStep = std::chrono::milliseconds(5);
constexpr int kSteps = 1000;

/// Where version 2 is mounted; empty where it is not. proc_pid_mountinfo(5): "id parent device root place … -
/// type …". A mount that shows a part of the tree only is of no use: what /proc says of us is seen from the
/// top.
std::string mount_point() {
    std::ifstream mounts("/proc/self/mountinfo");
    for (std::string line; std::getline(mounts, line);) {
        std::istringstream fields(line);
        std::string id, parent, device, root, place;
        fields >> id >> parent >> device >> root >> place;
        if (line.find(" - cgroup2 ") != line.npos && root == "/") return place;
    }
    return "";
}

/// Our own, from the top of the tree: "0::/path".
std::string own_path() {
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        if (line.starts_with("0::")) return line.substr(3);
    }
    return "";
}

/// Those of runs that are over, and of runs inside them. rmdir refuses one that has members.
void remove_forgotten(const std::string& parent) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(parent, error)) {
        std::string name = entry.path().filename();
        if (!name.starts_with(kPrefix)) continue;
        pid_t pid = 0;
        const char* end = name.data() + name.size();
        auto number = std::from_chars(name.data() + kPrefix.size(), end, pid);
        if (number.ec != std::errc() || number.ptr != end || pid <= 0) continue;
        if (::kill(pid, 0) == 0 || errno != ESRCH) continue;
        remove_forgotten(entry.path());
        rmdir(entry.path().c_str());
    }
}

}  // namespace

Cgroup::~Cgroup() {
    dissolve();
}

std::string Cgroup::make() {
    std::string top = mount_point(), own = own_path(), why;
    if (top.empty() || own.empty()) return "cgroups of version 2 are not mounted";
    // Where a name space hides what is above, the path begins with /../.
    if (own.starts_with("/..")) return "our own lies outside of what is mounted";
    make_in(own == "/" ? top : top + own, why);
    return why;
}

bool Cgroup::make_in(const std::string& parent, std::string& why) {
    remove_forgotten(parent);
    std::string path = fmt::format("{}/{}{}", parent, kPrefix, getpid());
    if (mkdir(path.c_str(), 0755) != 0) {
        why = fmt::format("mkdir {}: {}", path, strerror(errno));
        return false;
    }
    entrance_ = open((path + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
    if (entrance_ < 0 || access((path + "/cgroup.kill").c_str(), W_OK) != 0) {
        why = fmt::format("{} has no cgroup.kill, which Linux has since 5.14", path);
        rmdir(path.c_str());
        if (entrance_ >= 0) close(entrance_);
        entrance_ = -1;
        return false;
    }
    parent_ = parent, path_ = path;
    return true;
}

bool Cgroup::write_to(const std::string& file, const std::string& text) const {
    int fd = open(file.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    close(fd);
    return written;
}

std::vector<pid_t> Cgroup::members() const {
    std::vector<pid_t> found;
    if (path_.empty()) return found;
    std::ifstream file(path_ + "/cgroup.procs");
    for (pid_t pid = 0; file >> pid;)
        found.push_back(pid);
    return found;
}

void Cgroup::kill() {
    if (path_.empty() || !write_to(path_ + "/cgroup.kill", "1")) return;
    for (int step = 0; step < kSteps && !members().empty(); ++step)
        std::this_thread::sleep_for(kStep);
}

void Cgroup::dissolve() {
    if (path_.empty()) return;
    // A leakshim-run inside this one may have been killed over a cgroup of its own.
    remove_forgotten(path_);
    // One that forks meanwhile is met in the next round.
    for (int step = 0; step < kSteps && rmdir(path_.c_str()) != 0 && errno == EBUSY; ++step) {
        for (pid_t pid : members())
            write_to(parent_ + "/cgroup.procs", std::to_string(pid));
        if (step > 0) std::this_thread::sleep_for(kStep);
    }
    if (entrance_ >= 0) close(entrance_);
    entrance_ = -1;
    path_.clear();
}

}  // namespace leakshim::tools
