// SPDX-License-Identifier: MIT
//
// Functions that libc exports and programs call, but no header declares: what FORTIFY makes of open, and the
// old names of mknod. REAL() takes a function's type from its declaration, so they get one here.
#pragma once

#include <dirent.h>
#include <mqueue.h>
#include <sched.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

extern "C" {
int __open_2(const char*, int);
int __open64_2(const char*, int);
int __openat_2(int, const char*, int);
int __openat64_2(int, const char*, int);
int __xmknod(int, const char*, mode_t, dev_t*);
int __xmknodat(int, int, const char*, mode_t, dev_t*);
mqd_t __mq_open_2(const char*, int);
int pidfd_open(pid_t, unsigned);
int pidfd_getfd(int, int, unsigned);
pid_t _Fork(void) noexcept;
void closefrom(int) noexcept;
}
