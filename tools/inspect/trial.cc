// SPDX-License-Identifier: MIT
#include "trial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "encoding.h"
#include "pointers.h"

namespace leakshim::tools {

namespace {

constexpr int kPatience = 10'000;  // ms without a word from a program that does next to nothing
constexpr size_t kMostOutput = 256 << 10;

/// Everything that comes until the end; false when nothing comes for long, or too much.
bool read_all(int fd, std::string& to) {
    char text[4096];
    while (to.size() < kMostOutput) {
        struct pollfd ready = {fd, POLLIN, 0};
        if (poll(&ready, 1, kPatience) != 1) return false;
        ssize_t size = read(fd, text, sizeof text);
        if (size == 0) return true;
        if (size < 0) return false;
        to.append(text, static_cast<size_t>(size));
    }
    return false;
}

std::string without_newlines_at_end(std::string text) {
    while (text.ends_with('\n'))
        text.pop_back();
    return text;
}

}  // namespace

Trial try_program(const std::string& path, std::vector<std::string> arguments,
                  std::vector<std::string> variables) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return {false, strerror(errno)};
    std::vector<char*> words = pointers_to(arguments), environment = pointers_to(variables);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        execve(path.c_str(), words.data(), environment.data());
        _exit(126);
    }
    close(ends[1]);
    Trial trial;
    bool whole = child > 0 && read_all(ends[0], trial.output);
    close(ends[0]);
    if (child < 0) return {false, strerror(errno)};
    if (!whole) kill(child, SIGKILL);  // our own child, which nobody else waits for
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    trial.ended_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return trial;
}

std::string complaint_when_preloaded(const std::string& library) {
    Trial trial = try_program("/bin/true", {"true"}, {"LD_PRELOAD=" + library, "LEAKSHIM=off"});
    if (!trial.output.empty()) return without_newlines_at_end(trial.output);
    return trial.ended_well ? std::string() : "/bin/true could not be run with it";
}

std::string complaint_of_loader(const std::string& loader, const std::string& program,
                                const std::string& library) {
    std::vector<std::string> variables = {"LD_PRELOAD=" + library};
    for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
        if (strncmp(*variable, "LD_PRELOAD=", strlen("LD_PRELOAD=")) != 0) variables.emplace_back(*variable);
    }
    Trial trial = try_program(loader, {loader, "--list", program}, variables);
    std::string first_complaint;
    for (const std::string& line : split_bytes(trial.output, '\n')) {
        if (line.find(library + " (0x") != line.npos || line.find("=> " + library) != line.npos) return {};
        bool is_complaint = line.find(library) != line.npos || line.find("rror") != line.npos;
        if (first_complaint.empty() && is_complaint) first_complaint = line;
    }
    if (!first_complaint.empty()) return first_complaint;
    return trial.ended_well ? "it is not among what would be loaded" : "it could not be asked";
}

}  // namespace leakshim::tools
