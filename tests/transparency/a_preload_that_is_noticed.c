// SPDX-License-Identifier: MIT
//
// A preload that changes one small thing, to show that the comparison sees it: directories are refused.
#include <errno.h>
#include <sys/stat.h>

int mkdir(const char* path, mode_t mode) {
    (void)path, (void)mode;
    errno = EXDEV;
    return -1;
}
