// SPDX-License-Identifier: MIT
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace leakshim::tools {

namespace {

/// In the child: executes the command, or says through `failure` why it can't be. A file without a format
/// that the kernel knows is given to the shell, as execvp(3) does.
[[noreturn]] void become_command(CommandStart& start, int failure) {
    // Where it is refused, the command runs in our own: it is found and ended there as ever.
    if (start.cgroup >= 0 && write(start.cgroup, "0", 1) < 0) start.cgroup = -1;
    hand_back_signals(start.signals);
    execvpe(start.path, start.arguments.data(), start.environment.data());
    int error = errno;
    while (write(failure, &error, sizeof error) < 0 && errno == EINTR) {
    }
    _exit(127);
}

}  // namespace

pid_t start_command(CommandStart& start) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    pid_t pid = fork();
    if (pid == 0) become_command(start, ends[1]);
    int error = pid < 0 ? errno : 0;
    close(ends[1]);
    if (pid > 0) {
        int said = 0;
        ssize_t got = 0;
        while ((got = read(ends[0], &said, sizeof said)) < 0 && errno == EINTR) {
        }
        if (got == static_cast<ssize_t>(sizeof said)) error = said;
    }
    close(ends[0]);
    if (error == 0) return pid;
    if (pid > 0) {
        while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    return -error;
}

bool fill_standard_descriptors() {
    bool has_stderr = fcntl(STDERR_FILENO, F_GETFD) >= 0;
    int fd = 0;
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd >= 0) close(fd);
    return has_stderr;
}

void let_go_of_descriptors(std::vector<int> keep) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd : {STDIN_FILENO, STDOUT_FILENO}) {
        if (null >= 0) dup2(null, fd);
    }
    std::sort(keep.begin(), keep.end());
    unsigned from = STDERR_FILENO + 1;
    for (int fd : keep) {
        if (fd < 0 || static_cast<unsigned>(fd) < from) continue;
        if (static_cast<unsigned>(fd) > from) close_range(from, static_cast<unsigned>(fd) - 1, 0);
        from = static_cast<unsigned>(fd) + 1;
    }
    close_range(from, ~0U, 0);
}

}  // namespace leakshim::tools
