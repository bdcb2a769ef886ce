// SPDX-License-Identifier: MIT
#include "library.h"

#include <errno.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "encoding.h"

namespace leakshim::tools {

namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "libleakshim.so";

/// Why `path` can't be preloaded; empty when it can.
std::string objection_to(const std::string& path) {
    struct stat st {};
    if (stat(path.c_str(), &st) != 0) return strerror(errno);
    if (!S_ISREG(st.st_mode)) return "it is no regular file";
    if (access(path.c_str(), R_OK) != 0) return strerror(errno);
    if (path.find_first_of(": $") != std::string::npos)
        return "its path has a colon, a blank or a dollar sign, and LD_PRELOAD can't name such a one";
    return "";
}

/// From bin/ the way to the library's directory as it was installed, or as it was built.
fs::path installed_way() {
    fs::path directory = LEAKSHIM_LIBDIR;
    return directory.is_absolute() ? directory : fs::path("..") / directory;
}

}  // namespace

absl::StatusOr<std::string> find_library(const std::string& wanted) {
    std::error_code error;
    if (!wanted.empty()) {
        std::string path = fs::absolute(wanted, error).lexically_normal();
        std::string objection = objection_to(path);
        if (objection.empty()) return path;
        return absl::NotFoundError(
            fmt::format("{} can't be preloaded: {}", terminal_safe(path, true), objection));
    }
    fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
    std::string why = "it is missing";
    for (const fs::path& way : {installed_way(), fs::path("../shim")}) {
        std::string path = (here / way / kName).lexically_normal();
        if (here.empty() || access(path.c_str(), F_OK) != 0) continue;
        std::string objection = objection_to(path);
        if (objection.empty()) return path;
        why = fmt::format("{}: {}", terminal_safe(path, true), objection);
    }
    if (here.empty()) why = "/proc does not say where that is";
    return absl::NotFoundError(fmt::format(
        "{} is not where it belongs beside this program ({}); name it with --library", kName, why));
}

}  // namespace leakshim::tools
