// SPDX-License-Identifier: MIT
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "encoding.h"

namespace leakshim::tools {

namespace {

/// What mkstemp(3) makes is for its owner alone; a report is made as any file would be.
mode_t ordinary_mode() {
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

std::string followed(const std::string& path) {
    char* whole = realpath(path.c_str(), nullptr);
    std::string result = whole != nullptr ? whole : path;
    std::free(whole);
    return result;
}

absl::Status refused(const std::string& path, int error) {
    return absl::UnavailableError(fmt::format("{}: the report can't be written there: {}",
                                              terminal_safe(path, true), std::strerror(error)));
}

}  // namespace

Output::~Output() {
    if (!path_.empty() && file_ != nullptr) std::fclose(file_);
    if (!temporary_.empty()) unlink(temporary_.c_str());
}

absl::Status Output::open_beside() {
    std::string name = path_ + ".XXXXXX";
    int fd = mkostemp(name.data(), O_CLOEXEC);
    if (fd < 0) return refused(path_, errno);
    temporary_ = name;
    file_ = fchmod(fd, ordinary_mode()) == 0 ? fdopen(fd, "w") : nullptr;
    if (file_ != nullptr) return absl::OkStatus();
    int error = errno;
    close(fd);
    return refused(path_, error);
}

absl::Status Output::open(const std::string& path) {
    if (path.empty()) return absl::OkStatus();
    path_ = followed(path);
    struct stat there {};
    if (stat(path_.c_str(), &there) != 0 || S_ISREG(there.st_mode)) return open_beside();
    file_ = std::fopen(path_.c_str(), "we");
    return file_ != nullptr ? absl::OkStatus() : refused(path, errno);
}

void Output::write(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), file_);
}

absl::Status Output::finish() {
    bool whole = std::fflush(file_) == 0 && std::ferror(file_) == 0;
    if (!whole && path_.empty()) {
        return absl::DataLossError("the report could not be written out; is the disk full?");
    }
    int error = errno;
    if (path_.empty()) return absl::OkStatus();
    if (std::fclose(file_) != 0 && whole) whole = false, error = errno;
    file_ = nullptr;
    if (!whole) return refused(path_, error);
    if (temporary_.empty()) return absl::OkStatus();
    if (rename(temporary_.c_str(), path_.c_str()) != 0) return refused(path_, errno);
    temporary_.clear();
    return absl::OkStatus();
}

}  // namespace leakshim::tools
