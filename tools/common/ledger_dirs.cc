// SPDX-License-Identifier: MIT
#include "ledger_dirs.h"

#include <dirent.h>
#include <errno.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "encoding.h"

namespace leakshim::tools {

namespace {

constexpr const char* kSharedMemory = "/dev/shm";

/// Why `path` can't hold ledgers of ours; empty when it can.
std::string objection_to(const std::string& path, bool& missing) {
    struct stat st {};
    missing = lstat(path.c_str(), &st) != 0 && errno == ENOENT;
    if (missing) return "it does not exist";
    if (!S_ISDIR(st.st_mode)) return "it is no directory";
    if (st.st_uid != geteuid()) return "it belongs to another user";
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others can write to it";
    return "";
}

/// A random suffix is eight hexadecimal digits.
bool is_suffix(std::string_view text) {
    return text.size() == 8 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> find_ledger_directories(const std::string& wanted) {
    bool missing = false;
    std::vector<std::string> found;
    if (!wanted.empty()) {
        std::string path = wanted;
        while (path.size() > 1 && path.back() == '/')
            path.pop_back();
        std::string objection =
            path.front() == '/' ? objection_to(path, missing) : "it is no absolute path, and no run takes it";
        if (objection.empty()) return std::vector<std::string>{path};
        if (missing) return found;
        return absl::FailedPreconditionError(
            fmt::format("LEAKSHIM_DIR={} is not used: {}; name a directory that is yours alone, or unset it",
                        terminal_safe(wanted, true), objection));
    }
    std::string name = fmt::format("leakshim-{}", geteuid());
    std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(kSharedMemory), closedir);
    if (directory == nullptr) return found;
    while (const dirent* entry = readdir(directory.get())) {
        std::string_view candidate = entry->d_name;
        bool ours = candidate == name ||
                    (candidate.size() > name.size() && candidate.substr(0, name.size()) == name &&
                     candidate[name.size()] == '.' && is_suffix(candidate.substr(name.size() + 1)));
        if (!ours) continue;
        std::string path = fmt::format("{}/{}", kSharedMemory, candidate);
        if (objection_to(path, missing).empty()) found.push_back(path);
    }
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace leakshim::tools
