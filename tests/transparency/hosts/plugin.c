// SPDX-License-Identifier: MIT
//
// A plugin that makes a directory, closes a descriptor of its host's and opens another: what its host loads
// it with decides whether any of that is seen.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int plug(const char* path, int fd);

int plug(const char* path, int fd) {
    return mkdir(path, 0755) * 100 + close(fd) * 10 + (open("/dev/null", O_RDONLY) == fd);
}
